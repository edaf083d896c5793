"""Values of a column at which its effect is measured: spread over its rows and too coarse to give anybody away."""

import math
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.evaluation.explanations.scored_model import FloatArray

TAIL = 0.01
"""Share of rows left out at each end: the lowest and the highest value belong to single people."""

ROWS_PER_STEP = 10
"""Rows between two quantiles at least; fewer would measure chance."""

STEPS = 100
"""Points are rounded to at least this many steps between the tails."""


def numeric_points(values: FloatArray, points: int, integer: bool = False) -> FloatArray:
    """Return ascending, distinct values at which a numeric column is asked.

    Parameters
    ----------
    values : float64 [n]
        NaN where missing.
    points : int, >= 2
        The most values wanted.
    integer : bool
        Whether only whole numbers make sense.

    Returns
    -------
    float64 [0 to points]
        All distinct values between the tails where there are no more than `points`; otherwise values so frequent that
        they would swallow steps, and quantiles of the others at equal steps. Rounded (:data:`STEPS`). Fewer than two
        where the column hardly varies. Whole numbers of which nearly all are the same are the exception: they have no
        tails, so that a rare flag is asked about too.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.empty(0)
    low, high = np.quantile(known, [TAIL, 1 - TAIL])
    if low == high and integer and len(np.unique(known)) <= points:
        low, high = known.min(), known.max()
    decimals = readable_decimals(float(high - low), integer)
    inside = known[(known >= low) & (known <= high)]
    distinct = np.unique(np.round(inside, decimals))
    if len(distinct) <= points:
        return distinct + 0.0
    return np.unique(np.round(_spread_out(inside, points), decimals)) + 0.0


def _spread_out(values: FloatArray, points: int) -> FloatArray:
    """Return the values held by more than one of `points` shares of the rows, and quantiles of the rest."""
    distinct, counts = np.unique(values, return_counts=True)
    frequent = distinct[counts * points > len(values)]
    rest = values[~np.isin(values, frequent)]
    steps = max(2, min(points - len(frequent), len(rest) // ROWS_PER_STEP))
    quantiles = np.quantile(rest, np.linspace(0.0, 1.0, steps)) if len(rest) else rest
    return np.concatenate([frequent, quantiles])


def common_categories(values: "pd.Series[Any]", points: int, at_least: int) -> list[str]:
    """Return the categories that at least `at_least` rows hold, at most `points`, most frequent first, then by name."""
    counts = values.dropna().value_counts()
    held = {str(name): int(count) for name, count in counts.items() if count >= at_least}
    return sorted(held, key=lambda name: (-held[name], name))[:points]


def readable_decimals(spread: float, integer: bool) -> int:
    """Return how many digits after the point leave at least :data:`STEPS` steps within `spread`; none if `integer`.

    Negative for large spreads: −2 rounds to hundreds.
    """
    if spread <= 0:
        return 0
    decimals = math.ceil(math.log10(STEPS / spread))
    return min(decimals, 0) if integer else decimals
