"""Intervals and p-values for the largest gap and the worst ratio between the rates of several groups.

The interval for the largest gap D = max p − min p is made of pairwise Newcombe (MOVER-Wilson) intervals:

- *upper bound*, which a PASS rests on: the largest upper bound over all ordered pairs, without widening. The pair that
  is truly worst is one fixed pair, and the largest upper bound covers D wherever that pair's own bound does
  (intersection-union).
- *lower bound*, which a FAIL rests on: the largest lower bound over all ordered pairs, each widened as much as picking
  the worst pair demands: :mod:`apps.ml.evaluation.statistics.shares.worst_contrast`.

Together they miss D with at most the permitted error. The same arguments on logarithms, mirrored, give the interval of
the worst ratio, of MOVER ratio intervals. For two groups both are the ordinary pairwise interval. A percentile
bootstrap of the largest gap has no lower bound at 0 and therefore never covers a true gap of 0.

A metric may take the worst of several rates (equalized odds: true and false positive rate). Then all pairs of all
rates form one family; the rates are taken to be shares of different rows.

References
----------
Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24 (intersection-union).
docs/ml/fairness_inference.md (derivation and simulated coverage).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from apps.ml.evaluation.statistics.shares.contrasts import differences, log_ratios
from apps.ml.evaluation.statistics.shares.rates import GroupShares
from apps.ml.evaluation.statistics.shares.worst_contrast import lower_bound_of_largest, upper_bound_of_largest

SMALLEST_P_VALUE = 1e-12
"""p-values are not resolved below this."""

P_VALUE_PRECISION = 1e-3
"""Relative precision of a p-value."""


class BoundedValue(NamedTuple):
    """An estimate with its bounds, and where it was found.

    `rate` is the position of the worst rate in the sequence of rates, `lowest` and `highest` the positions of the
    groups with the smallest and the largest share of it; the first of equals.
    """

    value: float
    lower: float
    upper: float
    rate: int
    lowest: int
    highest: int


def largest_gap(rates: Sequence[GroupShares], confidence: float) -> BoundedValue:
    """Measure the largest difference between the shares of any two groups, the worst over `rates`.

    Parameters
    ----------
    rates : sequence of GroupShares, at least one, each of at least two groups, all with rows
    confidence : float in (0, 1), of the whole interval

    Returns
    -------
    BoundedValue
        Within [0, 1].
    """
    contrasts = [differences(rate) for rate in rates]
    gaps = [float(np.ptp(rate.rates)) for rate in rates]
    worst = int(np.argmax(gaps))
    lower, upper = lower_bound_of_largest(contrasts, confidence), upper_bound_of_largest(contrasts, confidence)
    return _around(gaps[worst], lower, upper, worst, rates)


def worst_ratio(rates: Sequence[GroupShares], confidence: float) -> BoundedValue:
    """Measure the smallest share divided by the largest, the worst over `rates`.

    Parameters
    ----------
    rates : sequence of GroupShares, at least one, each of at least two groups, all with rows, and with at least one
        success
    confidence : float in (0, 1), of the whole interval

    Returns
    -------
    BoundedValue
        Within [0, 1].
    """
    contrasts = [log_ratios(rate) for rate in rates]
    ratios = [float(rate.rates.min() / rate.rates.max()) for rate in rates]
    worst = int(np.argmin(ratios))
    lower = math.exp(-upper_bound_of_largest(contrasts, confidence))
    upper = math.exp(-max(lower_bound_of_largest(contrasts, confidence), 0.0))
    return _around(ratios[worst], lower, upper, worst, rates)


def gap_p_value(rates: Sequence[GroupShares], limit: float) -> float:
    """Return the p-value of "the largest gap is at most `limit`".

    It is 1 − the confidence at which the lower bound of :func:`largest_gap` crosses `limit`: a gate that fails at 95 %
    confidence has a p-value below .05.

    Parameters
    ----------
    rates : as for :func:`largest_gap`
    limit : float in [0, 1]

    Returns
    -------
    float
        In [1e-12, 1], to three digits; 1 where the estimate is within the limit.
    """
    contrasts = [differences(rate) for rate in rates]
    if max(float(np.ptp(rate.rates)) for rate in rates) <= limit:
        return 1.0
    return _crossing(lambda permitted: lower_bound_of_largest(contrasts, 1 - permitted) > limit)


def ratio_p_value(rates: Sequence[GroupShares], limit: float) -> float:
    """Return the p-value of "the worst ratio is at least `limit`", as :func:`gap_p_value` does for gaps.

    Parameters
    ----------
    rates : as for :func:`worst_ratio`
    limit : float in (0, 1]
    """
    contrasts = [log_ratios(rate) for rate in rates]
    if min(float(rate.rates.min() / rate.rates.max()) for rate in rates) >= limit:
        return 1.0
    return _crossing(lambda permitted: lower_bound_of_largest(contrasts, 1 - permitted) > -math.log(limit))


def _around(value: float, lower: float, upper: float, rate: int, rates: Sequence[GroupShares]) -> BoundedValue:
    """Keep the bounds within [0, 1], and the estimate within its bounds in spite of rounding."""
    shares = rates[rate].rates
    lowest, highest = int(np.argmin(shares)), int(np.argmax(shares))
    return BoundedValue(value, min(max(lower, 0.0), value), max(min(upper, 1.0), value), rate, lowest, highest)


def _crossing(rejected: Callable[[float], bool]) -> float:
    """Return the smallest permitted error at which `rejected` holds, by bisection on its logarithm."""
    low, high = math.log(SMALLEST_P_VALUE), math.log(1 - P_VALUE_PRECISION)
    if not rejected(math.exp(high)):
        return 1.0
    if rejected(math.exp(low)):
        return SMALLEST_P_VALUE
    while high - low > P_VALUE_PRECISION:
        middle = (low + high) / 2
        low, high = (low, middle) if rejected(math.exp(middle)) else (middle, high)
    return math.exp(high)
