"""What is lost when the values of one column are dealt to other rows: permutation importance of the deployed rule.

Dealing keeps a column's own distribution and cuts every tie to the label and to the other columns. It therefore asks
the rule about combinations that nobody has, and columns that say the same as another seem unimportant one by one.

References
----------
Breiman (2001), Random Forests, Machine Learning 45, section 10. Fisher, Rudin and Dominici (2019), All Models are
Wrong, but Many are Useful, JMLR 20 (the loss as an estimate of a population quantity, U-statistics).
Hooker, Mentch and Zhou (2021), Unrestricted permutation forces extrapolation, Statistics and Computing 31 (limits).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray, sample_rows
from apps.ml.evaluation.explanations.what_if import scores_with, values_at
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.ranking import ONE_CLASS
from apps.ml.evaluation.statistics.shares.intervals import wilson
from apps.ml.parameters import ModelEvaluation

SCORED_ROWS = 100_000
"""Rows that may be scored for all columns and repeats together: less than a second with boosted trees."""

LEAST_ROWS = 500
"""Rows that are looked at in any case, if there are as many."""

PERMUTED_ROWS, PERMUTATIONS = 11, 12
"""Streams of randomness: which rows are looked at, and how a column's values are dealt."""

METHOD = "Student's t over rows, paired; covers the choice of test rows and of the permutations"
SHARE_METHOD = "Wilson score interval at the effective number of rows; covers the choice of rows and permutations"

Labels = npt.NDArray[np.int8]


@dataclass(frozen=True)
class ColumnPermutation:
    """What dealing one column's values anew does, mean over the repeats.

    `roc_auc_loss` and `accuracy_loss`: before minus after, in [−1, 1]; negative where the column misleads. `flipped`:
    share of rows whose decision changes.
    """

    roc_auc_loss: Measurement
    accuracy_loss: Measurement
    flipped: Measurement

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {name: getattr(self, name).to_dict() for name in ("roc_auc_loss", "accuracy_loss", "flipped")}


@dataclass(frozen=True)
class PermutationImportance:
    """Per input column, most important first (loss of ROC AUC, then share of decisions flipped)."""

    rows: int
    repeats: int
    columns: dict[str, ColumnPermutation]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        columns = {name: measured.to_dict() for name, measured in self.columns.items()}
        return {"rows": self.rows, "repeats": self.repeats, "columns": columns}


def permutation_importance(
    rule: DecisionRule, frame: pd.DataFrame, labels: Labels, parameters: ModelEvaluation
) -> PermutationImportance:
    """Measure what permuting each input column costs the decision rule.

    Parameters
    ----------
    rule : DecisionRule
    frame : typed data frame [n, columns of the rule]
        Test rows. If all columns and repeats together exceed :data:`SCORED_ROWS`, a sample is looked at, of at least
        :data:`LEAST_ROWS` rows.
    labels : int8 [n] of 0 and 1
    parameters : ModelEvaluation
        `explanations.permutation_repeats` permutations per column, seeded by `seed` and the column's position.

    Returns
    -------
    PermutationImportance
        Undefined for a column that holds one value in all rows looked at, and for fewer than two rows; losses of ROC
        AUC where the labels are of one class. Without bounds where no score or no decision changed at all.
    """
    repeats = parameters.explanations.permutation_repeats
    chosen = permuted_rows(len(frame), len(rule.columns), parameters)
    rows = frame.iloc[chosen].reset_index(drop=True)
    before = _Before(rule, rows, np.asarray(labels)[chosen], parameters.confidence)
    measured = {
        column.name: before.measure(rule, column.name, dealt_rows(len(rows), position, parameters))
        for position, column in enumerate(rule.columns)
    }
    ordered = sorted(measured.items(), key=lambda item: _importance(item[1]))
    return PermutationImportance(len(rows), repeats, dict(ordered))


def permuted_rows(available: int, columns: int, parameters: ModelEvaluation) -> IntArray:
    """Draw the rows that are looked at, so that all columns and repeats together stay affordable."""
    repeats = parameters.explanations.permutation_repeats
    affordable = max(LEAST_ROWS, SCORED_ROWS // max(1, repeats * columns))
    return sample_rows(available, affordable, parameters.seed, PERMUTED_ROWS)


def dealt_rows(rows: int, position: int, parameters: ModelEvaluation) -> IntArray:
    """Return int64 [repeats, rows]: whose value each row gets, for the column at `position`."""
    repeats = parameters.explanations.permutation_repeats
    generator = np.random.default_rng([parameters.seed, PERMUTATIONS, position])
    dealt = np.array([generator.permutation(rows) for _ in range(repeats)], dtype=np.int64)
    return dealt.reshape(repeats, rows)


def _importance(one: ColumnPermutation) -> tuple[float, float]:
    return tuple(math.inf if m.value is None else -m.value for m in (one.roc_auc_loss, one.flipped))  # type: ignore[return-value]


class _Before:
    """The rows as they are, with what the rule makes of them."""

    def __init__(self, rule: DecisionRule, rows: pd.DataFrame, labels: Labels, confidence: float) -> None:
        self.rows, self.labels, self.confidence = rows, labels, confidence
        self.scores = np.asarray(rule.score(rows), dtype=np.float64)
        self.decisions = rule.decide(self.scores)

    def measure(self, rule: DecisionRule, column: str, dealt: IntArray) -> ColumnPermutation:
        reason = why_not_permuted(self.rows[column])
        if reason is not None:
            nothing = undefined(reason, n=len(self.rows))
            return ColumnPermutation(nothing, nothing, nothing)
        scores = scores_with(rule, self.rows, column, values_at(self.rows, column, dealt.ravel()))
        decisions = rule.decide(scores.ravel()).reshape(scores.shape)
        flips = decisions != self.decisions
        losses = self._auc_loss(scores, dealt), self._accuracy_loss(decisions, dealt)
        return ColumnPermutation(*losses, self._flipped(flips, dealt))

    def _auc_loss(self, scores: FloatArray, dealt: IntArray) -> Measurement:
        n, rarer = len(self.labels), int(min(np.count_nonzero(self.labels), np.count_nonzero(self.labels == 0)))
        if not rarer:
            return undefined(ONE_CLASS, n=n)
        values, influence = auc_influence(self.labels, np.vstack([self.scores, scores]))
        if np.array_equal(scores, np.broadcast_to(self.scores, scores.shape)):
            return Measurement(0.0, n, method="no score changed")
        moved = row_influence(influence[0] - influence[1:], dealt)
        return self._bounded(float(values[0] - values[1:].mean()), moved, rarer - 1)

    def _accuracy_loss(self, decisions: npt.NDArray[np.int8], dealt: IntArray) -> Measurement:
        lost = (self.decisions == self.labels).astype(np.float64) - (decisions == self.labels)
        return self._bounded(float(lost.mean()), row_influence(lost, dealt), len(self.labels) - 1)

    def _flipped(self, flips: npt.NDArray[np.bool_], dealt: IntArray) -> Measurement:
        """The share as a Wilson interval of as many rows as would give its variance."""
        n, share = len(self.labels), float(flips.mean())
        moved = row_influence(flips.astype(np.float64), dealt)
        variance = float(np.mean(moved**2)) / max(1, n - 1)
        effective = min(float(flips.size), share * (1 - share) / variance) if variance > 0 else float(n)
        bounds = wilson(share * effective, effective, self.confidence)
        return Measurement(share, n, float(bounds.lower), float(bounds.upper), self.confidence, SHARE_METHOD)

    def _bounded(self, value: float, moved: FloatArray, freedom: int) -> Measurement:
        from scipy.stats import t

        n, spread = len(moved), float(np.sqrt(np.mean(moved**2)))
        if spread == 0:
            return Measurement(value, n, method="no decision changed from right to wrong or back")
        if freedom < 1:
            return Measurement(value, n, method="one row of a class: no spread")
        half = float(t.ppf(0.5 + self.confidence / 2, freedom)) * spread / math.sqrt(max(1, n - 1))
        return Measurement(value, n, max(-1.0, value - half), min(1.0, value + half), self.confidence, METHOD)


def why_not_permuted(values: "pd.Series[Any]") -> str | None:
    """Say why dealing a column's values anew would tell nothing; None where it would."""
    if len(values) < 2:
        return "fewer than two rows were looked at"
    if values.nunique(dropna=False) < 2:
        return "the column holds one value in all rows looked at, so dealing it anew changes nothing"
    return None


def row_influence(changes: FloatArray, dealt: IntArray) -> FloatArray:
    """Return how much each row moves the mean over the repeats: as itself, and by the values it gives to others.

    A row enters a permuted data set twice, with its label and other columns and with the value that another row gets.
    What it gives is seen in how much the receiving rows change more, or less, than in their other repeats. Chance of a
    single pair is counted in both parts, which makes an interval from these influences a little too wide.

    Parameters
    ----------
    changes : float64 [repeats, n]
        What dealing did to each row in each repeat.
    dealt : int64 [repeats, n]
        The row whose value each row got.

    Returns
    -------
    float64 [n]
        With mean 0.
    """
    own = changes.mean(axis=0)
    given = np.empty_like(changes)
    np.put_along_axis(given, dealt, changes - own, axis=1)
    total: FloatArray = own - own.mean() + given.mean(axis=0)
    return total


def auc_influence(labels: Labels, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the area under the ROC curve of each line of scores and how much each row moves it.

    Parameters
    ----------
    labels : int8 [n] of 0 and 1, both present
    scores : float64 [k, n]

    Returns
    -------
    float64 [k], float64 [k, n]
        Mean square of the influences over n is DeLong's variance of the area; they sum to 0.
    """
    from scipy.stats import rankdata

    positive = labels == 1
    m, k = int(positive.sum()), int((~positive).sum())
    together = rankdata(scores, axis=1)
    influence = np.empty_like(together)
    above = (together[:, positive] - rankdata(scores[:, positive], axis=1)) / k
    below = 1.0 - (together[:, ~positive] - rankdata(scores[:, ~positive], axis=1)) / m
    areas = above.mean(axis=1)
    influence[:, positive] = (above - areas[:, None]) * (m + k) / m
    influence[:, ~positive] = (below - areas[:, None]) * (m + k) / k
    return areas, influence
