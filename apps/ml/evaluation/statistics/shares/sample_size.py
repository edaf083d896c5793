"""How many rows would decide a verdict that is open today."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

from apps.ml.evaluation.statistics.shares.contrasts import Contrasts, differences, log_ratios
from apps.ml.evaluation.statistics.shares.rates import GroupShares
from apps.ml.evaluation.statistics.shares.worst_contrast import lower_bound_of_largest, upper_bound_of_largest

MOST_ROWS = 1_000_000_000
"""An estimate so close to its limit that this many rows leave it open is not settled by collecting rows."""

PRECISION = 1e-4
"""Relative precision to which the number of rows is sought, on the side that decides."""


def rows_to_decide(
    rates: Sequence[GroupShares], kind: Literal["gap", "ratio"], limit: float, confidence: float
) -> int | None:
    """Return the total number of rows at which the verdict would be decided if every share stayed as it is.

    All counts are scaled alike and the bounds computed anew: those of
    :func:`~apps.ml.evaluation.statistics.shares.extremes.largest_gap` (PASS: upper bound at most `limit`, FAIL: lower
    bound above it) or of :func:`~apps.ml.evaluation.statistics.shares.extremes.worst_ratio` (PASS: lower bound at
    least `limit`).

    Parameters
    ----------
    rates : as for the two functions named above
    kind : "gap" or "ratio"
    limit : float in [0, 1]
    confidence : float in (0, 1)

    Returns
    -------
    int or None
        Rows that the rates are shares of, added up over groups and rates (for a true positive rate the positive rows),
        at least as many as there are. None where the estimate lies on the limit or so close to it that
        :data:`MOST_ROWS` rows would not decide.
    """
    present = float(sum(rate.n.sum() for rate in rates))
    decided = _decides(rates, kind, limit, confidence)
    if decided is None:
        return None
    if decided(1.0):
        return math.ceil(present)
    low, high = 0.0, math.log(MOST_ROWS / present)
    if high <= low or not decided(math.exp(high)):
        return None
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (low, middle) if decided(math.exp(middle)) else (middle, high)
    return math.ceil(math.exp(high) * present)


def _decides(
    rates: Sequence[GroupShares], kind: Literal["gap", "ratio"], limit: float, confidence: float
) -> Callable[[float], bool] | None:
    """Whether the verdict is decided with so many times the rows; None where the estimate is on the limit."""
    contrast = differences if kind == "gap" else log_ratios
    ceiling = limit if kind == "gap" else _minus_log(limit)
    estimate = max(_estimate(rate, kind) for rate in rates)
    if estimate == ceiling:
        return None
    bound = upper_bound_of_largest if estimate < ceiling else lower_bound_of_largest

    def decided(factor: float) -> bool:
        scaled: list[Contrasts] = [contrast(GroupShares(rate.successes * factor, rate.n * factor)) for rate in rates]
        reached = bound(scaled, confidence)
        return reached <= ceiling if estimate < ceiling else reached > ceiling

    return decided


def _estimate(rate: GroupShares, kind: Literal["gap", "ratio"]) -> float:
    lowest, highest = float(rate.rates.min()), float(rate.rates.max())
    return highest - lowest if kind == "gap" else _minus_log(lowest / highest)


def _minus_log(ratio: float) -> float:
    return -math.log(ratio) if ratio > 0 else math.inf
