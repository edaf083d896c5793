"""Measures of numeric predictions by group and between groups, from moments: means, their gaps, the largest loss.

Welch's interval bounds the difference of two means. The lower bound of the widest gap is Bonferroni over pairs, the
upper is not, for the reasons given in :mod:`apps.ml.evaluation.statistics.shares.pairwise_gaps`; the same holds for the
largest loss over groups.

References
----------
Agarwal, Dudík and Wu (2019), Fair regression: quantitative definitions and reduction-based algorithms, ICML (bounded
group loss). Welch (1947), The generalization of Student's problem when several different population variances are
involved, Biometrika 34.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.fairness.regression_results import Loss
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.moments import Moments
from apps.ml.evaluation.statistics.shares.intervals import Interval
from apps.ml.evaluation.statistics.shares.pairwise_gaps import Positions, largest_estimate_gap

Numbers = npt.NDArray[np.float64]

MEANS = ("mean_prediction", "mean_label", "mean_error", "mean_absolute_error", "mean_squared_error")
"""Means per group, in display order; each has a `…_difference`."""

LOSSES: Mapping[Loss, str] = {"absolute": "mean_absolute_error", "squared": "mean_squared_error"}
"""Loss by name → the mean that measures it."""

SIGNED = ("mean_prediction", "mean_error", "mean_absolute_error")
"""Means that are compared, with sign, with those of the reference group."""

NO_ROWS = "there are no rows"
WELCH = "Welch's t interval of the difference of two means"


def regression_quantities(labels: Numbers, predictions: Numbers) -> dict[str, Numbers]:
    """Return the values per row, float64 [n], whose means are :data:`MEANS`."""
    error = predictions - labels
    return dict(zip(MEANS, (predictions, labels, error, np.abs(error), error**2), strict=True))


def group_means(one: Moments, confidence: float) -> dict[str, Measurement]:
    """Measure every mean of one group."""
    return {name: _mean(one, name, confidence) for name in MEANS}


def r_squared_of_moments(one: Moments) -> Measurement:
    """Measure R² of one group against its own mean, without an interval, which moments do not tell."""
    n, spread = int(one.n[0]), float(one.sum_of_squares("mean_label")[0])
    if not n:
        return undefined(NO_ROWS)
    if spread <= 0:
        return undefined("all labels of the group are equal, so there is nothing to explain", n=n)
    return Measurement(1 - n * float(one.mean("mean_squared_error")[0]) / spread, n)


def mean_difference(judged: Moments, quantity: str, confidence: float) -> Measurement:
    """Measure the largest minus the smallest mean over groups, with Welch's interval for every pair.

    Returns
    -------
    Measurement
        0 or above, in the unit of the quantity; names the groups with the `lowest` and the `highest` mean. Undefined
        for fewer than two groups; without bounds where a group has one row, or two groups no variation at all.
    """
    n = int(judged.n.sum())
    reason = _few_groups(judged)
    if reason:
        return undefined(reason, n=n)
    means, variances = judged.mean(quantity), judged.variance(quantity) / judged.n
    low, high = int(means.argmin()), int(means.argmax())
    named: dict[str, Any] = {"lowest": judged.groups[low], "highest": judged.groups[high]}
    if np.isnan(variances).any() or np.count_nonzero(variances == 0) > 1:
        why = "no interval: groups of one row or without variation tell no spread"
        return Measurement(float(means[high] - means[low]), n, method=why, **named)

    def bounds(first: Positions, second: Positions, level: float) -> Interval:
        half = _welch_half(variances[first], variances[second], judged.n[first], judged.n[second], level)
        gap = means[first] - means[second]
        return Interval(gap - half, gap + half)

    found = largest_estimate_gap(means, bounds, confidence, highest=np.inf)
    pairs = len(means) * (len(means) - 1) // 2
    method = "pairwise Welch intervals" + (f", lower bound Bonferroni over {pairs} pairs" if pairs > 1 else "")
    return Measurement(found.value, n, found.lower, found.upper, confidence, method, **named)


def signed_difference(pair: Moments, quantity: str, confidence: float) -> Measurement:
    """Measure the mean of the first of two groups minus that of the second; without bounds where neither varies."""
    n, means = int(pair.n.sum()), pair.mean(quantity)
    value = float(means[0] - means[1])
    variances = pair.variance(quantity) / np.maximum(pair.n, 1)
    if np.isnan(variances).any() or not variances.any():
        return Measurement(value, n, method="no interval: groups of one row or without variation tell no spread")
    half = float(_welch_half(variances[:1], variances[1:], pair.n[:1], pair.n[1:], confidence)[0])
    return Measurement(value, n, value - half, value + half, confidence, WELCH)


def largest_group_loss(judged: Moments, loss: Loss, confidence: float) -> Measurement:
    """Measure the mean loss of the group that is served worst.

    Returns
    -------
    Measurement
        0 or above; `highest` names the group, `rate` the mean that measures the loss. Undefined without judged groups
        and for a group without rows; without bounds where a group has one row or its losses do not vary.
    """
    quantity, n = LOSSES[loss], int(judged.n.sum())
    if not len(judged.groups) or not judged.n.all():
        return undefined("no group is judged" if not len(judged.groups) else NO_ROWS, n=n)
    means, variances = judged.mean(quantity), judged.variance(quantity) / judged.n
    worst = int(means.argmax())
    value = float(means[worst])
    named: dict[str, Any] = {"highest": judged.groups[worst], "rate": quantity}
    if not (variances > 0).all():
        why = "no interval: a group of one row or without variation tells no spread"
        return Measurement(value, n, method=why, **named)
    groups = len(means)
    lower = float((means - _t_half(variances, judged.n, 1 - (1 - confidence) / groups)).max())
    upper = float((means + _t_half(variances, judged.n, confidence)).max())
    method = "largest of Student's t bounds" + (f", lower bound Bonferroni over {groups} groups" if groups > 1 else "")
    return Measurement(value, n, min(max(0.0, lower), value), upper, confidence, method, **named)


def _mean(one: Moments, quantity: str, confidence: float) -> Measurement:
    n = int(one.n[0])
    if not n:
        return undefined(NO_ROWS)
    value, variance = float(one.mean(quantity)[0]), float(one.variance(quantity)[0])
    if not variance > 0:
        return Measurement(value, n, method="no interval: one row or no variation tells no spread")
    half = float(_t_half(np.array([variance / n]), one.n, confidence)[0])
    lower = max(0.0, value - half) if quantity in LOSSES.values() else value - half
    return Measurement(value, n, lower, value + half, confidence, "Student's t interval of the mean")


def _t_half(variances: Numbers, n: npt.NDArray[np.int64], confidence: float) -> Numbers:
    """Half the width of Student's interval; `variances` are those of the means."""
    from scipy.stats import t

    half: Numbers = t.ppf(0.5 + confidence / 2, n - 1) * np.sqrt(variances)
    return half


def _welch_half(
    one: Numbers, other: Numbers, n: npt.NDArray[np.int64], m: npt.NDArray[np.int64], confidence: float
) -> Numbers:
    """Half the width of Welch's interval; `one` and `other` are variances of means."""
    from scipy.stats import t

    freedom = (one + other) ** 2 / (one**2 / (n - 1) + other**2 / (m - 1))
    half: Numbers = t.ppf(0.5 + confidence / 2, freedom) * np.sqrt(one + other)
    return half


def _few_groups(judged: Moments) -> str | None:
    if len(judged.groups) < 2:
        found = f"only '{judged.groups[0]}' is" if judged.groups else "none is"
        return f"a comparison needs at least two judged groups and {found} judged"
    empty = [f"'{name}'" for name, n in zip(judged.groups, judged.n, strict=True) if not n]
    return f"means are undefined for {', '.join(empty)}: {NO_ROWS}" if empty else None
