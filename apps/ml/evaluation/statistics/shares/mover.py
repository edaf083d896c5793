"""Intervals of quantities that are made of others, from the others' intervals (MOVER: method of variance recovery).

A *bounded* quantity is an estimate with its own bounds. From independent ones follow the bounds of a weighted sum, of
the largest gap and of the worst ratio over groups; so a balanced accuracy, the odds of two kinds of error or an average
of two gaps is compared in the same way as a share.

References
----------
Zou and Donner (2008), Construction of confidence limits about effect measures: a general approach, Statistics in
Medicine 27 (sums and differences). Donner and Zou (2012), Closed-form confidence intervals for functions of the normal
mean and standard deviation, Statistical Methods in Medical Research 21, section 2 (ratios).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.shares.intervals import Interval, ratio_bounds, wilson
from apps.ml.evaluation.statistics.shares.pairwise_gaps import (
    EstimateGap,
    Positions,
    largest_estimate_gap,
    ordered_pairs,
    pairwise_confidence,
    square_and_add,
)
from apps.ml.evaluation.statistics.shares.rates import GroupShares

Numbers = npt.NDArray[np.float64]


class Bounded(NamedTuple):
    """Estimates with their bounds: three float64 arrays of one shape, lower <= value <= upper."""

    value: Numbers
    lower: Numbers
    upper: Numbers

    def at(self, position: npt.NDArray[np.intp]) -> "Bounded":
        """Return the quantities at these positions."""
        return Bounded(self.value[position], self.lower[position], self.upper[position])


def bounded_shares(shares: GroupShares, confidence: float) -> Bounded:
    """Bound the share of every group by the Wilson score interval; every group has rows."""
    interval = wilson(shares.successes, shares.n, confidence)
    return Bounded(shares.rates, interval.lower, interval.upper)


def weighted_sum(parts: Sequence[tuple[float, Bounded]]) -> Bounded:
    """Bound Σ weight · quantity for independent quantities, by square-and-add.

    Parameters
    ----------
    parts : sequence of (weight, quantities); a weight may be negative
    """
    value = sum((weight * part.value for weight, part in parts), np.zeros_like(parts[0][1].value))
    below = np.zeros_like(value)
    above = np.zeros_like(value)
    for weight, part in parts:
        down, up = weight * (part.value - part.lower), weight * (part.upper - part.value)
        below += np.square(down if weight > 0 else up)
        above += np.square(up if weight > 0 else down)
    return Bounded(value, value - np.sqrt(below), value + np.sqrt(above))


def odds(share: Bounded) -> Bounded:
    """Turn shares below 1 into odds p / (1 − p): rising with p, so the bounds carry over."""
    return Bounded(*(part / (1 - part) for part in share))


def ratio(a: Bounded, b: Bounded) -> Interval:
    """Bound a / b for independent quantities that are not negative; infinite above where b may be 0."""
    return ratio_bounds(a.value, b.value, Interval(a.lower, a.upper), Interval(b.lower, b.upper))


def widest_gap(bounded_at: Callable[[float], Bounded], confidence: float, most: float) -> EstimateGap:
    """Bound largest − smallest over the groups.

    Parameters
    ----------
    bounded_at : function from a confidence to the quantities [g] of at least two independent groups
    confidence : float in (0, 1), of the whole interval
    most : the largest difference that is possible

    Returns
    -------
    EstimateGap
        Within [0, most]; the interval is that of :mod:`apps.ml.evaluation.statistics.shares.pairwise_gaps`.
    """

    def bounds(first: Positions, second: Positions, level: float) -> Interval:
        value, lower, upper = bounded_at(level)
        return square_and_add(value, Interval(lower, upper), first, second)

    return largest_estimate_gap(bounded_at(confidence).value, bounds, confidence, most)


def smallest_ratio(bounded_at: Callable[[float], Bounded], confidence: float) -> EstimateGap:
    """Bound smallest / largest over the groups.

    Parameters
    ----------
    bounded_at, confidence : as for :func:`widest_gap`; no quantity is negative and one is above 0

    Returns
    -------
    EstimateGap
        Within [0, 1]. The roles of the bounds are those of a gap, mirrored: the upper one is widened by Bonferroni.
    """
    plain = bounded_at(confidence)
    first, second = ordered_pairs(len(plain.value))
    widened = bounded_at(pairwise_confidence(len(plain.value), confidence))
    lowest, highest = int(plain.value.argmin()), int(plain.value.argmax())
    value = float(plain.value[lowest] / plain.value[highest])
    lower = float(ratio(plain.at(first), plain.at(second)).lower.min())
    upper = float(ratio(widened.at(first), widened.at(second)).upper.min())
    return EstimateGap(value, min(max(lower, 0.0), value), max(min(upper, 1.0), value), lowest, highest)
