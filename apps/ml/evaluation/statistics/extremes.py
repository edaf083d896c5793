"""Intervals for the largest gap and the worst ratio between the rates of several groups.

The interval for the largest gap D = max p − min p is made of pairwise intervals:

- *lower bound*: the largest lower bound over all ordered pairs, each pair's interval widened by Bonferroni over the
  pairs. Whichever pair looks worst was picked after looking, so all pairs must hold at once.
- *upper bound*: the largest upper bound over all ordered pairs, without widening. The pair that is truly worst is one
  fixed pair, and the largest upper bound covers D wherever that pair's own bound does; no other pair need hold.

A percentile bootstrap of the largest gap has no lower bound at 0 and therefore never covers a true gap of 0. The same
two arguments, mirrored, give the interval of the worst ratio. For two groups both are the ordinary pairwise interval.

A metric may take the worst of several rates (equalized odds: true and false positive rate). Then all pairs of all
rates form one family.

References
----------
Bonferroni over pairs and intersection-union: Casella and Berger (2002), Statistical Inference, 8.3.3 and 9.3;
Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24. Pairwise intervals:
:mod:`apps.ml.evaluation.statistics.intervals`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.intervals import Interval, newcombe_difference, ratio_of_shares
from apps.ml.evaluation.statistics.rates import GroupShares

Numbers = npt.NDArray[np.float64]
Pairwise = Callable[[Numbers, Numbers, Numbers, Numbers, float], Interval]


class BoundedValue(NamedTuple):
    """An estimate with its bounds."""

    value: float
    lower: float
    upper: float


def largest_gap(rates: Sequence[GroupShares], confidence: float) -> BoundedValue:
    """Measure the largest difference between the shares of any two groups, the worst over `rates`.

    Parameters
    ----------
    rates : sequence of GroupShares, at least one, each of at least two groups
    confidence : float in (0, 1), of the whole interval

    Returns
    -------
    BoundedValue
        Within [0, 1].
    """
    value = max(float(np.ptp(rate.rates)) for rate in rates)
    widened = _all_pairs(newcombe_difference, rates, _bonferroni(rates, confidence))
    plain = _all_pairs(newcombe_difference, rates, confidence)
    return _around(value, float(widened.lower.max()), float(plain.upper.max()))


def worst_ratio(rates: Sequence[GroupShares], confidence: float) -> BoundedValue:
    """Measure the smallest share divided by the largest, the worst over `rates`.

    Parameters
    ----------
    rates : sequence of GroupShares, at least one, each of at least two groups and with at least one success
    confidence : float in (0, 1), of the whole interval

    Returns
    -------
    BoundedValue
        Within [0, 1].
    """
    value = min(float(rate.rates.min() / rate.rates.max()) for rate in rates)
    widened = _all_pairs(ratio_of_shares, rates, _bonferroni(rates, confidence))
    plain = _all_pairs(ratio_of_shares, rates, confidence)
    return _around(value, float(plain.lower.min()), float(widened.upper.min()))


def _around(value: float, lower: float, upper: float) -> BoundedValue:
    """Keep the bounds within [0, 1], and the estimate within its bounds in spite of rounding."""
    return BoundedValue(value, min(max(lower, 0.0), value), max(min(upper, 1.0), value))


def _bonferroni(rates: Sequence[GroupShares], confidence: float) -> float:
    """Confidence of one pair so that all pairs of all rates hold together."""
    pairs = sum(len(rate.n) * (len(rate.n) - 1) // 2 for rate in rates)
    return 1 - (1 - confidence) / pairs


def _all_pairs(pairwise: Pairwise, rates: Sequence[GroupShares], confidence: float) -> Interval:
    """Bounds of every ordered pair of groups of every rate, in one flat array each."""
    bounds = [_ordered_pairs(pairwise, rate, confidence) for rate in rates]
    return Interval(np.concatenate([b.lower for b in bounds]), np.concatenate([b.upper for b in bounds]))


def _ordered_pairs(pairwise: Pairwise, rate: GroupShares, confidence: float) -> Interval:
    first, second = np.nonzero(~np.eye(len(rate.n), dtype=bool))
    return pairwise(rate.successes[first], rate.n[first], rate.successes[second], rate.n[second], confidence)
