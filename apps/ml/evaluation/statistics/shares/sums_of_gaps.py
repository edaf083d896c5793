"""Intervals for the sum of two largest gaps, or of two worst ratios, of rates that are shares of different rows.

The sum of two largest gaps is the largest sum of a difference of the one rate and a difference of the other, over all
ordered pairs of groups for each. Every such sum has an interval by square-and-add of its two parts; from them:

- *upper bound*: the largest of their upper bounds, without widening, for the two pairs that are truly worst are two
  fixed pairs (intersection-union);
- *lower bound*: the largest of their lower bounds, each widened by Bonferroni. With P pairs of groups there are 4P²
  sums, of which at parity every one may show itself, so that each interval errs with (1 - confidence) / (2P²).

The sum of two worst ratios is minus the largest sum of two negative ratios.

References
----------
Zou and Donner (2008), Statistics in Medicine 27 (square-and-add). Berger (1982), Technometrics 24 (intersection-union).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference, ratio_of_shares
from apps.ml.evaluation.statistics.shares.mover import Bounded
from apps.ml.evaluation.statistics.shares.pairwise_gaps import ordered_pairs
from apps.ml.evaluation.statistics.shares.rates import GroupShares

Numbers = npt.NDArray[np.float64]


class BoundedSum(NamedTuple):
    """An estimated sum with its bounds."""

    value: float
    lower: float
    upper: float


def sum_of_gaps(one: GroupShares, other: GroupShares, confidence: float) -> BoundedSum:
    """Measure the largest difference between the shares of two groups in `one` plus that in `other`.

    Parameters
    ----------
    one, other : GroupShares of at least two groups, all with rows; those of `one` are other rows than those of `other`
    confidence : float in (0, 1), of the whole interval

    Returns
    -------
    BoundedSum
        Within [0, 2].
    """
    value = float(np.ptp(one.rates) + np.ptp(other.rates))
    _, lower, upper = _largest_sum(_differences, one, other, confidence)
    return BoundedSum(value, min(max(lower, 0.0), value), max(min(upper, 2.0), value))


def sum_of_ratios(one: GroupShares, other: GroupShares, confidence: float) -> BoundedSum:
    """Measure the smallest share divided by the largest in `one` plus that in `other`.

    Parameters and result as for :func:`sum_of_gaps`; both have at least one success.
    """
    value = sum(float(shares.rates.min() / shares.rates.max()) for shares in (one, other))
    _, lower, upper = _largest_sum(_negative_ratios, one, other, confidence)
    return BoundedSum(value, min(max(-upper, 0.0), value), max(min(-lower, 2.0), value))


def _largest_sum(
    pairwise: Callable[[GroupShares, float], Bounded], one: GroupShares, other: GroupShares, confidence: float
) -> BoundedSum:
    pairs = len(one.n) * (len(one.n) - 1) // 2
    widened = 1 - (1 - confidence) / (2 * pairs**2)
    plain, wide = ([pairwise(shares, level) for shares in (one, other)] for level in (confidence, widened))
    value = float(plain[0].value.max() + plain[1].value.max())
    d, above = _sums([_frontier(part.value, part.upper - part.value, np.maximum) for part in plain])
    e, below = _sums([_frontier(part.value, part.value - part.lower, np.minimum) for part in wide])
    return BoundedSum(value, float((e - below).max()), float((d + above).max()))


def _sums(parts: list[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
    """Add every member of the one to every member of the other: values, and reaches by square-and-add."""
    (one, reach), (other, far) = parts
    return one[:, None] + other, np.hypot(reach[:, None], far)


def _frontier(value: Numbers, reach: Numbers, better: np.ufunc) -> tuple[Numbers, Numbers]:
    """Keep the pairs that no other beats in both value and reach; only they can make the largest bound."""
    order = np.lexsort((-reach if better is np.maximum else reach, -value))
    ranked = reach[order]
    before = better.accumulate(ranked)[:-1]
    kept = np.append(True, ranked[1:] > before if better is np.maximum else ranked[1:] < before)
    return value[order][kept], ranked[kept]


def _differences(shares: GroupShares, confidence: float) -> Bounded:
    first, second = ordered_pairs(len(shares.n))
    x, n = shares
    value = shares.rates[first] - shares.rates[second]
    return Bounded(value, *newcombe_difference(x[first], n[first], x[second], n[second], confidence))


def _negative_ratios(shares: GroupShares, confidence: float) -> Bounded:
    """Minus the ratio of every ordered pair; one over nothing cannot be the worst and keeps its finite bound alone."""
    first, second = ordered_pairs(len(shares.n))
    x, n = shares
    bounds = ratio_of_shares(x[first], n[first], x[second], n[second], confidence)
    over_some = x[second] > 0
    value = np.divide(shares.rates[first], shares.rates[second], out=bounds.lower.copy(), where=over_some)
    return Bounded(-value, np.where(over_some, -bounds.upper, -np.inf), -bounds.lower)
