"""What permuting one column costs a rule that predicts numbers: larger errors, and predictions that move.

Dealing and its limits are those of :mod:`apps.ml.evaluation.explanations.effects_of_columns.permutation`.

References
----------
Fisher, Rudin and Dominici (2019), All Models are Wrong, but Many are Useful, JMLR 20 (model reliance by squared error).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.explanations.decision_rule import ScoringRule
from apps.ml.evaluation.explanations.effects_of_columns.permutation import (
    METHOD,
    dealt_rows,
    permuted_rows,
    row_influence,
    why_not_permuted,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray
from apps.ml.evaluation.explanations.what_if import scores_with, values_at
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.parameters import ModelEvaluation

MEASURED = ("squared_error_increase", "absolute_error_increase", "mean_change")


@dataclass(frozen=True)
class NumberPermutation:
    """What dealing one column's values anew does, mean over the repeats.

    `squared_error_increase` and `absolute_error_increase`: after minus before, below 0 where the column misleads.
    `mean_change`: mean distance of the prediction from what it was, in the label's unit.
    """

    squared_error_increase: Measurement
    absolute_error_increase: Measurement
    mean_change: Measurement

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {name: getattr(self, name).to_dict() for name in MEASURED}


@dataclass(frozen=True)
class NumberPermutationImportance:
    """Per input column, most important first (increase of the squared error, then change of the prediction)."""

    rows: int
    repeats: int
    columns: dict[str, NumberPermutation]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        columns = {name: measured.to_dict() for name, measured in self.columns.items()}
        return {"rows": self.rows, "repeats": self.repeats, "columns": columns}


def number_permutation_importance(
    rule: ScoringRule, frame: pd.DataFrame, labels: npt.NDArray[np.float64], parameters: ModelEvaluation
) -> NumberPermutationImportance:
    """Measure what permuting each input column costs a rule that predicts numbers.

    Parameters
    ----------
    rule : ScoringRule
    frame : typed data frame [n, columns of the rule] of test rows
    labels : float64 [n]
    parameters : ModelEvaluation
        `explanations.permutation_repeats`, `seed`, `confidence`.

    Returns
    -------
    NumberPermutationImportance
        Undefined for a column that holds one value in all rows looked at, and for fewer than two rows; without bounds
        where nothing changed.
    """
    chosen = permuted_rows(len(frame), len(rule.columns), parameters)
    rows = frame.iloc[chosen].reset_index(drop=True)
    known = np.asarray(labels, dtype=np.float64)[chosen]
    before = np.asarray(rule.score(rows), dtype=np.float64) if len(rows) else np.empty(0)
    measured = {}
    for position, column in enumerate(rule.columns):
        reason = why_not_permuted(rows[column.name])
        if reason is not None:
            measured[column.name] = NumberPermutation(*[undefined(reason, n=len(rows))] * 3)
            continue
        dealt = dealt_rows(len(rows), position, parameters)
        after = scores_with(rule, rows, column.name, values_at(rows, column.name, dealt.ravel()))
        measured[column.name] = _measured(known, before, after, dealt, parameters.confidence)
    ordered = sorted(measured.items(), key=lambda item: _importance(item[1]))
    return NumberPermutationImportance(len(rows), parameters.explanations.permutation_repeats, dict(ordered))


def _measured(
    labels: FloatArray, before: FloatArray, after: FloatArray, dealt: IntArray, confidence: float
) -> NumberPermutation:
    changes = (
        (after - labels) ** 2 - (before - labels) ** 2,
        np.abs(after - labels) - np.abs(before - labels),
        np.abs(after - before),
    )
    squared, absolute, moved = (_bounded(change, dealt, confidence) for change in changes)
    if moved.lower is not None:
        moved = Measurement(moved.value, moved.n, max(0.0, moved.lower), moved.upper, confidence, METHOD)
    return NumberPermutation(squared, absolute, moved)


def _bounded(changes: FloatArray, dealt: IntArray, confidence: float) -> Measurement:
    from scipy.stats import t

    value, n = float(changes.mean()), changes.shape[1]
    influence = row_influence(changes, dealt)
    spread = float(np.sqrt(np.mean(influence**2)))
    if spread == 0:
        return Measurement(value, n, method="no prediction changed")
    half = float(t.ppf(0.5 + confidence / 2, n - 1)) * spread / math.sqrt(max(1, n - 1))
    return Measurement(value, n, value - half, value + half, confidence, METHOD)


def _importance(one: NumberPermutation) -> tuple[float, float]:
    first, second = (
        math.inf if found.value is None else -found.value for found in (one.squared_error_increase, one.mean_change)
    )
    return first, second
