"""Fairness of numeric predictions: how predictions, labels and errors differ between groups.

Definitions
-----------
Per group: `mean_prediction`, `mean_label`, `mean_residual` (label − prediction: above 0 where predictions are too low),
`mean_absolute_error`, `mean_squared_error`, each with Student's t interval, and `r_squared`, 1 − Σ residual² / Σ (label
− the group's mean label)², without an interval, undefined where labels do not vary.

Per attribute, over judged groups: for each mean a `…_difference`, largest minus smallest, with Welch's interval for
every pair: the lower bound is Bonferroni over pairs, the upper is not, for the reasons given in
:mod:`apps.ml.evaluation.statistics.shares.pairwise_gaps`. `largest_group_loss` is the loss of the group that is served
worst.
*Bounded group loss* asks that it is at most a limit: its upper bound is the largest upper bound of a group, its lower
bound the largest lower bound after Bonferroni over groups, by the same argument.

All of it comes from rows, means and sums of squared deviations, which merge over disjoint rows.

References
----------
Agarwal, Dudík and Wu (2019), Fair regression: quantitative definitions and reduction-based algorithms, ICML (bounded
group loss). Welch (1947), The generalization of Student's problem when several different population variances are
involved, Biometrika 34.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.errors import DataError, ParameterError
from apps.ml.evaluation.fairness.regression_results import (
    BoundedGroupLoss,
    Loss,
    RegressionAssessment,
    RegressionAttribute,
    RegressionGroup,
)
from apps.ml.evaluation.statistics.counting.checked_columns import require_equal_lengths
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.moments import Moments, moments_by_group
from apps.ml.evaluation.statistics.shares.intervals import Interval
from apps.ml.evaluation.statistics.shares.pairwise_gaps import Positions, largest_estimate_gap
from apps.ml.parameters import ModelEvaluation

Numbers = npt.NDArray[np.float64]

MEANS = ("mean_prediction", "mean_label", "mean_residual", "mean_absolute_error", "mean_squared_error")
"""Means per group, in display order; each has a `…_difference`."""

LOSSES: Mapping[Loss, str] = {"absolute": "mean_absolute_error", "squared": "mean_squared_error"}
"""Loss by name → the mean that measures it."""

NO_ROWS = "there are no rows"


def assess_regression(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    groups: pd.DataFrame,
    parameters: ModelEvaluation,
    limit: float | None = None,
    loss: Loss = "absolute",
) -> RegressionAssessment:
    """Assess numeric predictions for every sensitive attribute.

    Parameters
    ----------
    labels, predictions : array-like [n], finite numbers in one unit
    groups : DataFrame [n, attributes]
        Name of each row's group; missing values count as the group `unknown`. Aligned by position, not by index.
    parameters : ModelEvaluation
        `confidence` of every interval and `minimum_group_size`.
    limit : float, at least 0, or None
        The largest loss a group may have, in the unit of the label (its square for the squared loss).
    loss : "absolute" or "squared"

    Raises
    ------
    DataError
        No or repeated attributes, lengths that differ, or values that are not finite numbers.
    ParameterError
        The limit is negative or not a number.
    """
    y, p = _finite(labels, "labels"), _finite(predictions, "predictions")
    _require_attributes(groups)
    require_equal_lengths({"labels": len(y), "predictions": len(p), "groups": len(groups)})
    values = regression_quantities(y, p)
    return RegressionAssessment(
        {
            str(name): assess_moments(moments_by_group(values, groups[name]), parameters, limit, loss)
            for name in groups.columns
        }
    )


def regression_quantities(labels: Numbers, predictions: Numbers) -> dict[str, Numbers]:
    """Return the values per row, float64 [n], whose means are :data:`MEANS`."""
    residual = labels - predictions
    return dict(zip(MEANS, (predictions, labels, residual, np.abs(residual), residual**2), strict=True))


def assess_moments(
    moments: Moments, parameters: ModelEvaluation, limit: float | None = None, loss: Loss = "absolute"
) -> RegressionAttribute:
    """Assess one attribute from its moments: the same result as from the rows they were computed from.

    Raises
    ------
    ParameterError
        The limit is negative or not a number.
    """
    if limit is not None and not limit >= 0:
        raise ParameterError("the limit of the bounded group loss must be a number of 0 or more. Give such a limit.")
    groups = {
        name: RegressionGroup(
            int(n),
            _why_not_judged(name, int(n), parameters.minimum_group_size),
            _group_metrics(moments.select([name]), parameters.confidence),
        )
        for name, n in zip(moments.groups, moments.n, strict=True)
    }
    judged = moments.select(name for name, group in groups.items() if group.why_not is None)
    metrics = {f"{name}_difference": mean_difference(judged, name, parameters.confidence) for name in MEANS}
    largest = largest_group_loss(judged, loss, parameters.confidence)
    metrics["largest_group_loss"] = largest
    bounded = None if limit is None else BoundedGroupLoss(loss, float(limit), largest)
    return RegressionAttribute(groups, metrics, bounded, moments)


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


def _group_metrics(one: Moments, confidence: float) -> dict[str, Measurement]:
    metrics = {name: _mean(one, name, confidence) for name in MEANS}
    return metrics | {"r_squared": _r_squared(one)}


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


def _r_squared(one: Moments) -> Measurement:
    n, spread = int(one.n[0]), float(one.sum_of_squares("mean_label")[0])
    if not n:
        return undefined(NO_ROWS)
    if spread <= 0:
        return undefined("all labels of the group are equal, so there is nothing to explain", n=n)
    return Measurement(1 - n * float(one.mean("mean_squared_error")[0]) / spread, n)


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


def _why_not_judged(name: str, n: int, minimum: int) -> str | None:
    if is_unknown_group(name):
        return "the group of these rows is unknown"
    if n < minimum:
        return f"{n} {'row is' if n == 1 else 'rows are'} fewer than the minimum group size of {minimum}"
    return None


def _finite(values: npt.ArrayLike, name: str) -> Numbers:
    column = values.to_numpy() if isinstance(values, pd.Series) else np.asarray(values)
    if column.ndim != 1 or column.dtype.kind not in "iufb":
        raise DataError(f"{name}: expected one number per row. Hand in a single column of numbers.")
    numbers: Numbers = column.astype(np.float64)
    broken = int(np.count_nonzero(~np.isfinite(numbers)))
    if broken:
        raise DataError(
            f"{name}: {broken} of {len(numbers)} rows are missing or infinite. Remove or fill them, and give a finite "
            f"number for every row."
        )
    return numbers


def _require_attributes(groups: pd.DataFrame) -> None:
    if not len(groups.columns):
        raise DataError("there is no sensitive attribute. Give one column of group names per attribute.")
    if not groups.columns.is_unique:
        repeated: Sequence[object] = list(groups.columns[groups.columns.duplicated()].unique())
        raise DataError(f"sensitive attributes appear twice: {', '.join(map(str, repeated))}. Rename one of each.")
