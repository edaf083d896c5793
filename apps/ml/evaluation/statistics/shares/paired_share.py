"""The difference of two shares of the same rows, such as the accuracies of two models, with a score interval.

References
----------
Tango (1998), Equivalence test and confidence interval for the difference in proportions for the paired-sample design,
Statistics in Medicine 17.
"""

import math

from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.intervals import normal_quantile

METHOD = "Tango's paired score interval"


def paired_share_difference(both: int, only_new: int, only_old: int, neither: int, confidence: float) -> Measurement:
    """Measure share under the new model − share under the old one, with Tango's score interval.

    Parameters
    ----------
    both, only_new, only_old, neither : int >= 0
        Rows that count under both models, under one alone, or under neither. (For accuracy: rows that are right.)
    confidence : float in (0, 1)

    Returns
    -------
    Measurement
        In [−1, 1]; undefined without rows. Where the models never differ the value is 0 and the interval still has a
        width: that no row of these differs does not mean that none will.
    """
    rows = both + only_new + only_old + neither
    if rows == 0:
        return undefined("there are no rows that both models decided")
    value = (only_new - only_old) / rows
    return Measurement(value, rows, *tango(only_new, only_old, rows, confidence), confidence, METHOD)


def tango(more: int, less: int, rows: int, confidence: float) -> tuple[float, float]:
    """Bound (more − less) / rows: `more` rows differ in one direction, `less` in the other, and the rest agree."""
    value, z = (more - less) / rows, normal_quantile(confidence)
    lower, upper = _tango_bound(more, less, rows, z), -_tango_bound(less, more, rows, z)
    return min(lower, value), max(upper, value)


def _tango_bound(more: int, less: int, rows: int, z: float) -> float:
    """Smallest difference whose score statistic does not exceed z, by bisection below the estimate."""
    low, high = -1.0, (more - less) / rows
    if _tango_statistic(-1.0, more, less, rows) <= z:
        return -1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _tango_statistic(middle, more, less, rows) <= z else (middle, high)
    return high


def _tango_statistic(difference: float, more: int, less: int, rows: int) -> float:
    """Standardised distance of the estimate above `difference`, with the error that `difference` itself would have."""
    # Maximum likelihood of P(only old) given the difference: the larger root of 2N q² + B q + C = 0.
    b = -more - less + (2 * rows - more + less) * difference
    c = -less * difference * (1 - difference)
    only_old = (math.sqrt(max(b * b - 8 * rows * c, 0.0)) - b) / (4 * rows)
    variance = rows * (2 * only_old + difference * (1 - difference))
    distance = more - less - rows * difference
    if variance <= 0:
        return math.inf if distance > 0 else 0.0
    return distance / math.sqrt(variance)
