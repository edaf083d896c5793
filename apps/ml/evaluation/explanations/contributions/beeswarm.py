"""What a beeswarm of contributions is drawn from: dots and the ranks that colour them, without a person's values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray, sample_rows
from apps.ml.evaluation.explanations.what_if import significant

DOTS = 300
"""Rows that are drawn at most."""

DOT_ROWS = 41
"""Stream of randomness: which of the explained rows are drawn."""

DIGITS = 4
"""Significant digits of a contribution."""


@dataclass(frozen=True)
class Beeswarm:
    """Dots of sampled rows.

    `columns`: most important first. `contributions`: per column those of `rows` rows, rounded to :data:`DIGITS`.
    `ranks`: aligned with them, where the row's value stands in its column, a whole number from 0 (lowest) to 100
    (highest) over all test rows; None where the value is missing, is no number, or the column holds one value.
    """

    columns: tuple[str, ...] = ()
    contributions: tuple[tuple[float, ...], ...] = ()
    ranks: tuple[tuple[int | None, ...], ...] = ()
    rows: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "columns": list(self.columns),
            "contributions": [list(column) for column in self.contributions],
            "ranks": [list(column) for column in self.ranks],
            "rows": self.rows,
        }


def beeswarm_of(
    found: Contributions, positions: IntArray, frame: pd.DataFrame | None, columns: tuple[str, ...], seed: int
) -> Beeswarm:
    """Choose and round the dots of a beeswarm.

    Parameters
    ----------
    found : Contributions
        By source column [m, …].
    positions : int64 [m]
        Where these rows lie in `frame`.
    frame : typed data frame [n, …] of all test rows, or None: there are then no ranks
    columns : the columns to draw
    seed : int, >= 0

    Returns
    -------
    Beeswarm
        Empty where contributions are undefined.
    """
    if not found.is_defined:
        return Beeswarm()
    chosen = sample_rows(len(found.values), DOTS, seed, DOT_ROWS)
    at = [found.columns.index(column) for column in columns]
    values = significant(found.values[chosen][:, at], DIGITS)
    return Beeswarm(
        columns,
        tuple(tuple(float(value) for value in values[:, place]) for place in range(len(columns))),
        tuple(_ranks(frame, column, positions[chosen]) for column in columns),
        len(chosen),
    )


def percentile_ranks(values: "pd.Series[Any]") -> FloatArray:
    """Return float64 [n], 0 for the lowest value to 100 for the highest, ties in the middle; NaN where missing.

    All NaN where the known values are fewer than two or all the same.
    """
    ranks = values.rank(method="average").to_numpy(dtype=np.float64)
    known = int(np.count_nonzero(np.isfinite(ranks)))
    if known < 2 or values.nunique() < 2:
        return np.full(len(values), np.nan)
    scaled: FloatArray = np.round(100 * (ranks - 1) / (known - 1))
    return scaled


def _ranks(frame: pd.DataFrame | None, column: str, positions: IntArray) -> tuple[int | None, ...]:
    if frame is None or column not in frame.columns or not pd.api.types.is_numeric_dtype(frame[column]):
        return (None,) * len(positions)
    ranks = percentile_ranks(frame[column])[positions]
    return tuple(int(rank) if np.isfinite(rank) else None for rank in ranks)
