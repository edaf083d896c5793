"""The largest difference between the estimates of several groups, with the interval of :mod:`.extremes`.

For estimates that are not shares of rows (areas under curves, means). The lower bound is the largest lower bound over
all ordered pairs, every pair widened by Bonferroni, because the pair that looks worst was picked after looking. The
upper bound is the largest upper bound over all ordered pairs without widening, because the pair that is truly worst is
one fixed pair.

References
----------
Zou and Donner (2008), Construction of confidence limits about effect measures: a general approach, Statistics in
Medicine 27 (square-and-add of two intervals). Casella and Berger (2002), Statistical Inference, 8.3.3.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.shares.intervals import Interval

Numbers = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]
PairBounds = Callable[[Positions, Positions, float], Interval]


class EstimateGap(NamedTuple):
    """Largest minus smallest estimate with its bounds, and the positions of the groups that have them."""

    value: float
    lower: float
    upper: float
    lowest: int
    highest: int


def ordered_pairs(groups: int) -> tuple[Positions, Positions]:
    """Return the positions of both members of every ordered pair of distinct groups, intp [g (g − 1)] each."""
    first, second = np.nonzero(~np.eye(groups, dtype=bool))
    return first, second


def pairwise_confidence(groups: int, confidence: float) -> float:
    """Return the confidence of one pair so that all pairs of `groups` hold together (Bonferroni)."""
    return 1 - (1 - confidence) / max(1, groups * (groups - 1) // 2)


def largest_estimate_gap(values: Numbers, bounds: PairBounds, confidence: float, highest: float) -> EstimateGap:
    """Measure the largest difference between the estimates of any two groups.

    Parameters
    ----------
    values : float64 [g], g >= 2
    bounds : function of the positions of two groups [p] and a confidence
        Returns bounds on the first estimate minus the second, [p] each.
    confidence : float in (0, 1), of the whole interval
    highest : the largest difference that is possible; infinity where there is none

    Returns
    -------
    EstimateGap
        Within [0, highest]; of groups with equal estimates the first is named.
    """
    first, second = ordered_pairs(len(values))
    widened = bounds(first, second, pairwise_confidence(len(values), confidence))
    plain = bounds(first, second, confidence)
    low, high = int(values.argmin()), int(values.argmax())
    value = float(values[high] - values[low])
    lower = min(max(float(widened.lower.max()), 0.0), value)
    upper = max(min(float(plain.upper.max()), highest), value)
    return EstimateGap(value, lower, upper, low, high)


def square_and_add(values: Numbers, bounds: Interval, first: Positions, second: Positions) -> Interval:
    """Bound value[first] − value[second] of independent estimates from the interval of each.

    Parameters
    ----------
    values : float64 [g]
    bounds : Interval of float64 [g], around `values`
    first, second : intp [p]

    Returns
    -------
    Interval
        float64 [p] each.
    """
    below, above = values - bounds.lower, bounds.upper - values
    gap = values[first] - values[second]
    return Interval(gap - np.hypot(below[first], above[second]), gap + np.hypot(above[first], below[second]))
