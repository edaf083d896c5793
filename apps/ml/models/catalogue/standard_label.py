"""Numeric labels in units of their own deviation, for estimators whose options mean nothing on another scale."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from apps.ml.models.fitting import Rows


@dataclass(frozen=True)
class StandardLabel:
    """Mean and standard deviation of the training labels, by their weights; the deviation is above 0."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Measure the labels of some rows; labels that do not vary get the deviation 1."""
        mean = float(np.average(rows.labels, weights=rows.weights))
        variance = float(np.average((rows.labels - mean) ** 2, weights=rows.weights))
        return cls(mean, float(np.sqrt(variance)) or 1.0)

    def applied(self, rows: Rows) -> Rows:
        """Return the rows with labels (label − mean) / deviation."""
        labels = np.asarray(rows.labels, dtype=np.float64)
        return replace(rows, labels=(labels - self.mean) / self.deviation)
