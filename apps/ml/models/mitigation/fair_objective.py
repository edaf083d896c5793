"""The loss of boosting that pays for gaps between groups: log loss, and multipliers times differences of rates.

A rate counts decisions, which have no gradient; in the gradient a smooth step stands in for each. The multipliers are
moved by the rates as they are counted: whenever a group's rate differs from that of all others by more than the
tolerance, its multiplier grows in the direction that brings them together.

References
----------
Cotter, Jiang, Sridharan (2019), "Two-Player Games for Efficient Non-Convex Constrained Optimization", ALT (a smooth
constraint for the model, the counted one for the multipliers).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.models.fitting import Rows
from apps.ml.models.mitigation.request import Codes, Numbers
from apps.ml.models.scoring import logistic
from apps.ml.parameters import Constraint

LARGEST_MULTIPLIER = 4.0
LEAST_CURVATURE = 1e-3
SLOWING = 20.0
"""Rounds after which the steps of multipliers have shrunk by the root of two."""

COUNTED: dict[str, tuple[tuple[int, ...], ...]] = {
    "equalized_odds": ((1,), (0,)),
    "equal_opportunity": ((1,),),
    "demographic_parity": ((0, 1),),
}
"""Constraint → per compared rate, the labels of the rows that it counts over."""


@dataclass(frozen=True)
class Pressure:
    """How hard multipliers push. `tolerance`: the difference of rates from which on they grow. `step`: how fast.

    `smoothness`: steepness of the smooth step over log-odds. `cut`: log-odds of the threshold.
    """

    tolerance: float
    step: float
    smoothness: float
    cut: float


class FairObjective:
    """Gradients for LightGBM; `multipliers` float64 [rates, groups] are those of the last round.

    Rows of unknown group (code below 0) count in the log loss only. A group without rows, or without others to compare
    with, has no multiplier. Multipliers are in units of one row of the smaller side of their comparison.
    """

    def __init__(self, rows: Rows, codes: Codes, groups: int, constraint: Constraint, pressure: Pressure) -> None:
        self._labels = np.asarray(rows.labels, dtype=np.float64)
        self._weights = np.ones(len(rows)) if rows.weights is None else rows.weights
        self._pressure, self._counted, self._groups = pressure, COUNTED[constraint], groups
        self._known = np.asarray(codes) >= 0
        self._cell = 2 * np.maximum(codes, 0) + self._labels.astype(np.int64)
        cells = np.bincount(self._cell[self._known], minlength=2 * groups).reshape(groups, 2)
        self._rows = np.array([cells[:, list(labels)].sum(axis=1) for labels in self._counted])
        self._others = self._rows.sum(axis=1, keepdims=True) - self._rows
        self._compared = (self._rows > 0) & (self._others > 0)
        if groups == 2:
            self._compared[:, 0] = False
        self.multipliers = np.zeros(self._rows.shape)
        self._round = 0

    @property
    def base(self) -> float:
        """Return the log-odds that boosting starts from: those of the weighted share of label 1."""
        positive = float(np.sum(self._weights * self._labels))
        return float(np.log(positive) - np.log(float(np.sum(self._weights)) - positive))

    def __call__(self, log_odds: Numbers, _: Any) -> tuple[Numbers, Numbers]:
        """Return gradient and curvature [n] for log-odds [n], then move the multipliers."""
        steepness = self._pressure.smoothness
        probability = logistic(log_odds)
        step = logistic(steepness * (log_odds - self._pressure.cut))
        gradient = self._weights * (probability - self._labels)
        gradient = gradient + self._pushes() * steepness * step * (1.0 - step)
        curvature = np.maximum(self._weights * probability * (1.0 - probability), LEAST_CURVATURE)
        self._move(log_odds >= self._pressure.cut)
        return gradient, curvature

    def _pushes(self) -> Numbers:
        """Return float64 [n]: the derivative of all multipliers times differences by each row's decision."""
        table = np.zeros((self._groups, 2))
        sides = np.minimum(self._rows, self._others) * self.multipliers
        with np.errstate(divide="ignore", invalid="ignore"):
            own = np.where(self._compared, sides / self._rows, 0.0)
            other = np.where(self._compared, sides / self._others, 0.0)
        for rate, labels in enumerate(self._counted):
            push = own[rate] - (other[rate].sum() - other[rate])
            table[:, list(labels)] += push[:, None]
        return np.where(self._known, table.ravel()[self._cell], 0.0)

    def _move(self, decided: npt.NDArray[np.bool_]) -> None:
        chosen = np.bincount(self._cell[self._known & decided], minlength=2 * self._groups).reshape(self._groups, 2)
        counts = np.array([chosen[:, list(labels)].sum(axis=1) for labels in self._counted])
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = (counts.sum(axis=1, keepdims=True) - counts) / self._others
            differences = np.where(self._compared, counts / self._rows - rest, 0.0)
        excess = np.sign(differences) * np.maximum(np.abs(differences) - self._pressure.tolerance, 0.0)
        size = self._pressure.step / np.sqrt(1.0 + self._round / SLOWING)
        limit = LARGEST_MULTIPLIER
        self.multipliers = np.clip(self.multipliers + size * excess, -limit, limit)
        self._round += 1
