"""One column of scores or weights while it is read: numbers outside their range are counted, never repeated."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.errors import Finding
from apps.ml.evaluation.statistics.counting.checked_columns import LEAST_WEIGHT, MOST_WEIGHT


@dataclass
class NumberColumn:
    """Reads one column chunk by chunk.

    `lowest`, `highest`: the range. `missing`: rows without a number,
    where that is no finding of its own. `filling` takes the place of numbers outside, so that reading goes on until all
    are counted.
    """

    name: str
    lowest: float
    highest: float
    expected: str
    filling: float
    missing_is_outside: bool
    outside: int = 0
    first_outside: int | None = None
    missing: int = 0
    first_missing: int | None = None

    @staticmethod
    def scores(name: str, probability: bool) -> "NumberColumn":
        """Column of scores: within 0 to 1, or any finite numbers."""
        if probability:
            expected = "probabilities from 0 to 1; for another scale --score-scale any, which makes scoring rates alone"
            return NumberColumn(name, 0.0, 1.0, expected, 0.5, False)
        largest = float(np.finfo(np.float64).max)
        return NumberColumn(name, -largest, largest, "finite numbers", 0.0, False)

    @staticmethod
    def weights(name: str) -> "NumberColumn":
        """Column of weights: positive, within what can be squared and added up, and none missing."""
        expected = "a positive weight, from 1e-100 to 1e100, in every row"
        return NumberColumn(name, LEAST_WEIGHT, MOST_WEIGHT, expected, 1.0, True)

    def read(self, numbers: npt.NDArray[np.float64], first_line: int) -> npt.NDArray[np.float64]:
        """Return the numbers, float64 [n]; NaN where one is missing and may be."""
        absent = np.isnan(numbers)
        bad = ~((numbers >= self.lowest) & (numbers <= self.highest))
        if not self.missing_is_outside:
            bad &= ~absent
            if absent.any():
                self.missing += int(absent.sum())
                self.first_missing = self.first_missing or first_line + int(np.argmax(absent))
        if not bad.any():
            return numbers
        self.outside += int(bad.sum())
        self.first_outside = self.first_outside or first_line + int(np.argmax(bad))
        return np.where(bad, self.filling, numbers)

    def findings(self) -> list[Finding]:
        """Return what stands in the way; call it after the last chunk."""
        if not self.outside:
            return []
        absent = "missing, " if self.missing_is_outside else ""
        zero = "zero or negative" if self.lowest > 0 else "out of range"
        message = f"the number is {absent}infinite, {zero}, first in line {self.first_outside}"
        return [Finding("range", message, self.name, self.outside, self.expected)]
