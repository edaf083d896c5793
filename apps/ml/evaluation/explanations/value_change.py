"""Counterfactual change: by how much does a predicted number move when only the sensitive value does?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.data.processed import AttributeSchema, ColumnSchema, is_unknown_group
from apps.ml.evaluation.explanations.decision_rule import ScoringRule
from apps.ml.evaluation.explanations.flip_rate import BY_CONSTRUCTION, FLIPPED_ROWS, MOST_ROWS
from apps.ml.evaluation.explanations.scored_model import FloatArray, sample_rows
from apps.ml.evaluation.explanations.what_if import typed_values
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.numbers.errors import STUDENT, mean_absolute_error

SWAPPED = "largest change of a row's prediction with the typical values of any other group, mean over rows"


def value_changes(
    rule: ScoringRule,
    frame: pd.DataFrame,
    groups: pd.DataFrame,
    attributes: Sequence[AttributeSchema],
    confidence: float,
    seed: int,
) -> dict[str, Measurement]:
    """Measure per attribute how far predictions move when the group is swapped for some other one.

    The columns of the attribute that are inputs of the rule get what is typical of the other group (the most frequent
    category, the median), all other columns stay; of the other groups the one that moves the prediction most counts.
    Rows of an unknown group are left out. It is a direct effect: what the group brings about in other columns stays.

    Parameters
    ----------
    rule : ScoringRule
    frame : typed data frame [n, columns]
    groups : data frame [n, attributes] of group names, aligned with `frame`
    attributes : AttributeSchema of each attribute to measure; each is a column of `groups`
    confidence : float in (0, 1)
    seed : int

    Returns
    -------
    dict of Measurement
        In the label's unit, 0 or above. 0 and exactly known where no column of the attribute is an input; undefined
        where fewer than two groups are known.
    """
    return {
        attribute.name: _change(rule, frame, groups[attribute.name], attribute, confidence, seed)
        for attribute in attributes
    }


def _change(
    rule: ScoringRule,
    frame: pd.DataFrame,
    names: "pd.Series[Any]",
    attribute: AttributeSchema,
    confidence: float,
    seed: int,
) -> Measurement:
    inputs = [column for column in rule.columns if column.name in attribute.columns]
    if not inputs:
        return Measurement(0.0, len(frame), 0.0, 0.0, confidence, BY_CONSTRUCTION)
    group = names.astype(object).to_numpy(dtype=object)
    known = sorted({str(name) for name in group if not is_unknown_group(str(name))})
    if len(known) < 2:
        return undefined("fewer than two groups are known", n=len(frame))
    where = np.flatnonzero(np.isin(group, known))
    where = where[sample_rows(len(where), MOST_ROWS, seed, FLIPPED_ROWS)]
    rows, own = frame.iloc[where].reset_index(drop=True), group[where]
    before, largest = np.asarray(rule.score(rows), dtype=np.float64), np.zeros(len(rows))
    for name in known:
        moved = np.abs(_swapped(rule, rows, inputs, frame[group == name]) - before)
        largest = np.where(own == name, largest, np.maximum(largest, moved))
    found = mean_absolute_error(largest, confidence)
    if found.value is None:
        return found
    return Measurement(found.value, found.n, found.lower, found.upper, confidence, f"{STUDENT}; {SWAPPED}")


def _swapped(rule: ScoringRule, rows: pd.DataFrame, inputs: Sequence[ColumnSchema], other: pd.DataFrame) -> FloatArray:
    changed = rows.copy()
    for column in inputs:
        changed[column.name] = typed_values(rows, column.name, [_typical(other[column.name], column)] * len(rows))
    return np.asarray(rule.score(changed), dtype=np.float64)


def _typical(values: "pd.Series[Any]", column: ColumnSchema) -> float | str | None:
    """Return the lower median of numbers, else the most frequent value; None where none is known."""
    known = values.dropna()
    if not len(known):
        return None
    if column.kind == "numeric":
        return float(np.quantile(known.to_numpy(dtype=np.float64), 0.5, method="inverted_cdf"))
    counts = known.value_counts()
    most = min(name for name in counts.index if counts[name] == counts.max())
    return str(most) if column.kind == "categorical" else float(most)
