"""Every ordered pair of groups on the scale on which it is compared: differences of shares, or logarithms of ratios.

On either scale the worst comparison is a largest contrast: the largest gap is the largest difference, and the worst
ratio r is exp(−d) of the largest log ratio d. Bounds of one pair at a quantile z are those of
:mod:`apps.ml.evaluation.statistics.shares.intervals`; here all pairs and many z are computed at once, from one Wilson
interval per group and z.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.shares.intervals import Interval, difference_bounds, ratio_bounds, wilson_at
from apps.ml.evaluation.statistics.shares.rates import GroupShares

Numbers = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]
Bounds = Callable[[Numbers, Numbers, Interval, Interval], Interval]


@dataclass(frozen=True)
class Contrasts:
    """All ordered pairs (top, bottom) of the groups of one rate, those with the largest standard error first.

    `shares` are the groups; `tops` and `bottoms` are positions of groups, [pairs]; `spread` is the standard error of
    each group on the scale of comparison, [groups], always positive; `errors` that of each contrast, [pairs].
    """

    shares: GroupShares
    tops: Positions
    bottoms: Positions
    spread: Numbers
    errors: Numbers
    bounds: Bounds

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.spread)

    def intervals(self, z: Numbers) -> Interval:
        """Bound every contrast at every quantile z [m]; each bound is [m, pairs], possibly infinite."""
        rows = self.shares.n
        each = wilson_at(self.shares.successes, rows, z[:, None])
        rates = self.shares.rates
        top = Interval(each.lower[:, self.tops], each.upper[:, self.tops])
        bottom = Interval(each.lower[:, self.bottoms], each.upper[:, self.bottoms])
        return self.bounds(rates[self.tops], rates[self.bottoms], top, bottom)


def differences(shares: GroupShares) -> Contrasts:
    """Return the contrasts p − q of every ordered pair of groups."""
    centre = _centre(shares)
    return _contrasts(shares, np.sqrt(centre * (1 - centre) / shares.n), difference_bounds)


def log_ratios(shares: GroupShares) -> Contrasts:
    """Return the contrasts ln(p / q) of every ordered pair of groups."""
    centre = _centre(shares)
    return _contrasts(shares, np.sqrt((1 - centre) / (centre * shares.n)), _log_ratio_bounds)


def _log_ratio_bounds(p: Numbers, q: Numbers, first: Interval, second: Interval) -> Interval:
    ratio = ratio_bounds(p, q, first, second)
    with np.errstate(divide="ignore"):
        return Interval(np.log(ratio.lower), np.log(ratio.upper))


def _contrasts(shares: GroupShares, spread: Numbers, bounds: Bounds) -> Contrasts:
    tops, bottoms = np.nonzero(~np.eye(len(shares.n), dtype=bool))
    errors = np.hypot(spread[tops], spread[bottoms])
    order = np.argsort(-errors, kind="stable")
    whole = GroupShares(np.asarray(shares.successes, dtype=np.float64), np.asarray(shares.n, dtype=np.float64))
    return Contrasts(whole, tops[order], bottoms[order], spread, errors[order], bounds)


def _centre(shares: GroupShares) -> Numbers:
    """Share with two successes and two failures added (Agresti, Coull 1998): nobody and everybody still vary."""
    return (np.asarray(shares.successes, dtype=np.float64) + 2) / (np.asarray(shares.n, dtype=np.float64) + 4)
