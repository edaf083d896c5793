"""The same rows with other values in one column, and what the deployed rule makes of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.explanations.decision_rule import ScoringRule
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray

MOST_ROWS_AT_ONCE = 25_000
"""Rows that are scored in one call; the memory this takes does not grow with the work."""


def values_at(frame: pd.DataFrame, column: str, positions: IntArray) -> Any:
    """Return the column's values at `positions` as an array of the column's own type, missing values included."""
    return frame[column].array.take(positions)


def typed_values(frame: pd.DataFrame, column: str, values: Sequence[float | str | None]) -> Any:
    """Return `values` as an array that the column may hold; None becomes a missing value.

    Parameters
    ----------
    frame : typed data frame that holds `column`
    values : numbers for a numeric or boolean column, texts for a categorical one
    """
    dtype: Any = frame[column].dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    listed: list[Any] = list(values)
    return pd.array(listed, dtype=dtype)


def scores_with(rule: ScoringRule, frame: pd.DataFrame, column: str, values: Any) -> FloatArray:
    """Score rows again and again, each time with other values in one column.

    Parameters
    ----------
    rule : ScoringRule
    frame : typed data frame [n, columns], left as it is
    column : the column whose values are replaced
    values : array [times × n] of the column's type
        The first n are the values of the first time, and so on.

    Returns
    -------
    float64 [times, n]
        The scores of every time.
    """
    n = len(frame)
    if not n:
        return np.empty((0, 0))
    times = len(values) // n
    at_once = max(1, MOST_ROWS_AT_ONCE // n)
    parts = [
        _scored(rule, frame, column, values[first * n : min(times, first + at_once) * n])
        for first in range(0, times, at_once)
    ]
    return np.concatenate(parts).reshape(times, n) if parts else np.empty((0, n))


def _scored(rule: ScoringRule, frame: pd.DataFrame, column: str, values: Any) -> FloatArray:
    repeated = frame.iloc[np.tile(np.arange(len(frame)), len(values) // len(frame))].reset_index(drop=True)
    repeated[column] = values
    return np.asarray(rule.score(repeated), dtype=np.float64)


def significant(values: npt.ArrayLike, digits: int) -> FloatArray:
    """Round float64 of any shape to `digits` significant digits; zeros and values that are not finite stay."""
    numbers = np.asarray(values, dtype=np.float64)
    size = np.where(np.isfinite(numbers) & (numbers != 0), np.abs(numbers), 1.0)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(size)))
    rounded: FloatArray = np.round(numbers * scale) / scale
    return rounded
