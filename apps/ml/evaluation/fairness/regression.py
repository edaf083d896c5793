"""Fairness of numeric predictions: how predictions, labels and errors differ between groups. Error: prediction − label.

Definitions
-----------
Per group: `mean_prediction`, `mean_label`, `mean_error` (below 0 where predictions are too low), `mean_absolute_error`,
`mean_squared_error`, each with Student's t interval, and `r_squared` against the group's own mean label, undefined
where labels do not vary.

Per attribute, over judged groups: for each mean a `…_difference`, largest minus smallest; `largest_group_loss`, the
mean absolute (or squared) error of the group that is served worst; `kolmogorov_smirnov_distance` and
`wasserstein_distance` of the distributions of predictions
(:mod:`apps.ml.evaluation.statistics.numbers.distances`). *Bounded group loss* asks that the largest group loss is at
most a limit.

Apart from the distances and the interval of R², all of it comes from rows, means and sums of squared deviations, which
merge over disjoint rows. A mean of very few people gives their numbers away: of groups with fewer than
:data:`LEAST_SHOWN` rows that are not judged, only the number of rows is told.

References
----------
Agarwal, Dudík and Wu (2019), Fair regression: quantitative definitions and reduction-based algorithms, ICML
(statistical parity, bounded group loss). Brandt et al. (2010), Guidelines for the checking of output based on microdata
research, ESSnet SDC (a rule of thumb of at least ten units).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.errors import DataError, ParameterError
from apps.ml.evaluation.fairness.comparisons import at_both_levels
from apps.ml.evaluation.fairness.levels import Families, Levels
from apps.ml.evaluation.fairness.reference_comparisons import require_known_attributes
from apps.ml.evaluation.fairness.regression_measures import (
    MEANS,
    SIGNED,
    group_means,
    largest_group_loss,
    mean_difference,
    r_squared_of_moments,
    regression_quantities,
    signed_difference,
)
from apps.ml.evaluation.fairness.regression_results import (
    BoundedGroupLoss,
    Loss,
    RegressionAssessment,
    RegressionAttribute,
    RegressionGroup,
)
from apps.ml.evaluation.fairness.results import ReferenceAssessment
from apps.ml.evaluation.statistics.counting.checked_columns import finite_values, require_equal_lengths
from apps.ml.evaluation.statistics.counting.counts import group_codes
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.moments import Moments, moments_by_group
from apps.ml.evaluation.statistics.numbers.distances import Samples, largest_kolmogorov_smirnov, largest_wasserstein
from apps.ml.evaluation.statistics.numbers.errors import r_squared
from apps.ml.parameters import ModelEvaluation

Numbers = npt.NDArray[np.float64]

LEAST_SHOWN = 10
"""Rows of a group whose means are told, where fewer are not judged anyway."""

COMPARISONS = (*(f"{name}_difference" for name in MEANS), "largest_group_loss", "kolmogorov_smirnov_distance")
"""Comparisons with an interval."""


@dataclass(frozen=True)
class _Rows:
    """Labels and predictions float64 [n], and the positions of the rows of each group."""

    labels: Numbers
    predictions: Numbers
    members: dict[str, npt.NDArray[np.intp]]

    def predictions_of(self, groups: Sequence[str]) -> Samples:
        return {name: self.predictions[self.members[name]] for name in groups}


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
        `confidence` of every interval, `minimum_group_size`, `reference_groups`.
    limit : float, at least 0, or None
        The largest loss a group may have, in the unit of the label (its square for the squared loss).
    loss : "absolute" or "squared"

    Raises
    ------
    DataError
        No or repeated attributes, lengths that differ, or values that are not finite numbers.
    ParameterError
        The limit is negative or not a number, or a reference group is named for an attribute that is not assessed.
    """
    y, p = finite_values(labels, "labels"), finite_values(predictions, "predictions")
    _require_attributes(groups)
    require_equal_lengths({"labels": len(y), "predictions": len(p), "groups": len(groups)})
    require_known_attributes(parameters.reference_groups, [str(name) for name in groups.columns])
    values = regression_quantities(y, p)
    moments = {str(name): moments_by_group(values, groups[name]) for name in groups.columns}
    families = count_number_families(list(moments.values()), parameters)
    attributes = {
        name: _with_rows(
            assess_moments(found, parameters, limit, loss, families, parameters.reference_groups.get(name)),
            _Rows(y, p, _members(groups[name])),
            families,
        )
        for name, found in moments.items()
    }
    return RegressionAssessment(attributes, families)


def count_number_families(parts: Sequence[Moments], parameters: ModelEvaluation) -> Families:
    """Count the intervals of each kind over all attributes, whether they turn out defined or not."""
    judged = [len(_judged(part, parameters.minimum_group_size)) for part in parts]
    return Families(
        parameters.confidence,
        {
            "group_metrics": sum(len(part.groups) for part in parts) * (len(MEANS) + 1),
            "comparisons": len(parts) * len(COMPARISONS),
            "reference_comparisons": sum(max(0, groups - 1) for groups in judged) * len(SIGNED),
        },
    )


def assess_moments(
    moments: Moments,
    parameters: ModelEvaluation,
    limit: float | None = None,
    loss: Loss = "absolute",
    families: Families | None = None,
    reference: str | None = None,
) -> RegressionAttribute:
    """Assess one attribute from its moments: as from the rows they were computed from, without what needs rows.

    Parameters
    ----------
    families : Families or None
        Of all attributes that are assessed together; None: this one alone.
    reference : str or None
        The group that the others are compared with; None: the largest judged one.

    Raises
    ------
    ParameterError
        The limit is negative or not a number.
    """
    if limit is not None and not limit >= 0:
        raise ParameterError("the limit of the bounded group loss must be a number of 0 or more. Give such a limit.")
    together = families or count_number_families([moments], parameters)
    groups = {name: _group(moments.select([name]), parameters, together) for name in moments.groups}
    judged = moments.select(name for name, group in groups.items() if group.why_not is None)
    levels = together.levels("comparisons")
    metrics = {f"{name}_difference": at_both_levels(partial(mean_difference, judged, name), levels) for name in MEANS}
    metrics["largest_group_loss"] = at_both_levels(lambda level: largest_group_loss(judged, loss, level), levels)
    bounded = None if limit is None else BoundedGroupLoss(loss, float(limit), metrics["largest_group_loss"])
    compared = _reference(judged, reference, together.levels("reference_comparisons"))
    return RegressionAttribute(groups, metrics, bounded, moments, compared)


def _group(one: Moments, parameters: ModelEvaluation, families: Families) -> RegressionGroup:
    name, n = one.groups[0], int(one.n[0])
    why_not = _why_not_judged(name, n, parameters.minimum_group_size)
    levels = families.levels("group_metrics")
    if n < min(LEAST_SHOWN, parameters.minimum_group_size):
        hidden = undefined(f"a mean of {n} {'row' if n == 1 else 'rows'} would give single people's numbers away", n=n)
        return RegressionGroup(n, why_not, dict.fromkeys((*MEANS, "r_squared"), hidden))
    each, together = (group_means(one, level) for level in levels)
    metrics = {name: _joined(each[name], together[name]) for name in MEANS}
    return RegressionGroup(n, why_not, metrics | {"r_squared": r_squared_of_moments(one)})


def _with_rows(found: RegressionAttribute, rows: _Rows, families: Families) -> RegressionAttribute:
    """Add what needs rows: the interval of R² by group and the distances of the distributions of predictions."""
    levels = families.levels("group_metrics")
    groups = {name: _with_r_squared(name, group, rows, levels) for name, group in found.groups.items()}
    samples = rows.predictions_of([name for name, group in groups.items() if group.why_not is None])
    distances = {
        "kolmogorov_smirnov_distance": at_both_levels(
            lambda level: largest_kolmogorov_smirnov(samples, level), families.levels("comparisons")
        ),
        "wasserstein_distance": largest_wasserstein(samples),
    }
    return replace(found, groups=groups, metrics={**found.metrics, **distances})


def _with_r_squared(name: str, group: RegressionGroup, rows: _Rows, levels: Levels) -> RegressionGroup:
    if not group.metrics["r_squared"].is_defined:
        return group
    at = rows.members[name]
    each, together = (r_squared(rows.labels[at], rows.predictions[at], level) for level in levels)
    measured = _joined(each, together) if each.is_defined else group.metrics["r_squared"]
    return replace(group, metrics={**group.metrics, "r_squared": measured})


def _joined(each: Measurement, together: Measurement) -> Measurement:
    return replace(each, simultaneous_lower=together.lower, simultaneous_upper=together.upper)


def _reference(judged: Moments, chosen: str | None, levels: Levels) -> ReferenceAssessment:
    names = list(judged.groups)
    if not names:
        return ReferenceAssessment(chosen, {})
    sizes = dict(zip(names, judged.n.tolist(), strict=True))
    reference = chosen if chosen is not None else max(names, key=lambda name: sizes[name])
    others = [name for name in names if name != reference]
    if reference not in names:
        nothing = undefined(f"the reference group '{reference}' is not judged", n=int(judged.n.sum()))
        return ReferenceAssessment(reference, {name: dict.fromkeys(_signed_names(), nothing) for name in others})
    return ReferenceAssessment(
        reference,
        {
            name: {
                f"{mean}_difference": _joined(
                    *(signed_difference(judged.select([name, reference]), mean, level) for level in levels)
                )
                for mean in SIGNED
            }
            for name in others
        },
    )


def _signed_names() -> list[str]:
    return [f"{name}_difference" for name in SIGNED]


def _judged(moments: Moments, minimum: int) -> list[str]:
    named = zip(moments.groups, moments.n, strict=True)
    return [name for name, n in named if _why_not_judged(name, int(n), minimum) is None]


def _members(names: "pd.Series[str]") -> dict[str, npt.NDArray[np.intp]]:
    groups, codes = group_codes(names)
    return {name: np.flatnonzero(codes == at) for at, name in enumerate(groups)}


def _why_not_judged(name: str, n: int, minimum: int) -> str | None:
    if is_unknown_group(name):
        return "the group of these rows is unknown"
    if n < minimum:
        return f"{n} {'row is' if n == 1 else 'rows are'} fewer than the minimum group size of {minimum}"
    return None


def _require_attributes(groups: pd.DataFrame) -> None:
    if not len(groups.columns):
        raise DataError("there is no sensitive attribute. Give one column of group names per attribute.")
    if not groups.columns.is_unique:
        repeated: Sequence[object] = list(groups.columns[groups.columns.duplicated()].unique())
        raise DataError(f"sensitive attributes appear twice: {', '.join(map(str, repeated))}. Rename one of each.")
