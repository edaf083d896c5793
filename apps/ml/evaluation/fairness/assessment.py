"""From labels, decisions and groups, or from their counts alone, to a fairness assessment."""

from collections.abc import Mapping, Sequence

import numpy.typing as npt
import pandas as pd

from apps.ml.errors import DataError
from apps.ml.evaluation.fairness.attribute_counts import AttributeCounts, attribute_counts, count_families
from apps.ml.evaluation.fairness.comparisons import compare_rates
from apps.ml.evaluation.fairness.compositions import compare_compositions
from apps.ml.evaluation.fairness.four_fifths import four_fifths_by_group
from apps.ml.evaluation.fairness.group_metrics import measure_groups, measure_scoring
from apps.ml.evaluation.fairness.levels import Families
from apps.ml.evaluation.fairness.reference_comparisons import compare_with_reference, require_known_attributes
from apps.ml.evaluation.fairness.results import AttributeAssessment, FairnessAssessment, GroupAssessment
from apps.ml.evaluation.fairness.score_metrics import compare_scores, measure_scores_by_group
from apps.ml.evaluation.fairness.scoring import count_above_median
from apps.ml.evaluation.fairness.within import conditional_parts, individual_measures
from apps.ml.evaluation.statistics.counting.checked_columns import probability_values
from apps.ml.evaluation.statistics.counting.counts import CountTable, group_codes
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts, count_jointly
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.shares.rates import Favourable
from apps.ml.parameters import ModelEvaluation


def assess_fairness(
    labels: npt.ArrayLike | None,
    decisions: npt.ArrayLike,
    groups: pd.DataFrame,
    favourable: Favourable,
    parameters: ModelEvaluation,
    scores: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    conditions: pd.DataFrame | None = None,
) -> FairnessAssessment:
    """Assess decisions for every sensitive attribute.

    Parameters
    ----------
    labels, decisions : array-like [n] of 0 and 1; 1 is the positive event
        Without labels (None) every measurement that needs them is undefined.
    groups : DataFrame [n, attributes]
        Name of each row's group; missing values count as the group `unknown`. Categorical columns keep the order of
        their categories. Aligned by position, not by index.
    favourable : "positive" or "negative"
        Which decision is good for the person.
    parameters : ModelEvaluation
        `confidence` of every interval, `minimum_group_size` (rows a group needs to be judged), `reference_groups`,
        `entropy_alpha`, `score_bins`, `calibration_bins`, `bootstrap_replicates` and `seed`.
    scores : array-like [n], probability of the positive event, or None
        Adds ranking, calibration and scoring rates.
    weights : array-like [n], positive, or None
    conditions : DataFrame [n, columns] or None
        Columns within whose values decisions are compared once more. One that has the name of an attribute stands for
        that attribute.

    Returns
    -------
    FairnessAssessment
        Every attribute with all its groups. Estimates do not depend on the order of rows or the names of groups.

    Raises
    ------
    DataError
        No attribute, two attributes of one name, lengths that differ, or values outside their range.
    ParameterError
        A reference group is named for an attribute that is not assessed.
    """
    attributes = {str(name): (str(name),) for name in groups.columns}
    columns = groups if conditions is None else _with_conditions(groups, conditions)
    if len(columns.columns) and columns.columns.is_unique:
        columns = _coded(columns)
    joint = count_jointly(decisions, columns, labels, scores, weights, parameters.score_bins)
    scoring: dict[str, CountTable] = {}
    if scores is not None:
        above = count_above_median(probability_values(scores), columns[list(groups.columns)], weights)
        scoring = {name: above.table(name) for name in attributes}
    wanted = [] if conditions is None else [str(name) for name in conditions.columns]
    return assess_joint(joint, attributes, favourable, parameters, wanted, scoring)


def assess_joint(
    joint: JointCounts,
    attributes: Mapping[str, Sequence[str]],
    favourable: Favourable,
    parameters: ModelEvaluation,
    conditions: Sequence[str] = (),
    scoring: Mapping[str, CountTable] | None = None,
) -> FairnessAssessment:
    """Assess decisions from their joint counts alone: the same result as from the rows that were counted.

    Parameters
    ----------
    joint : JointCounts
    attributes : mapping
        Name shown → names of the counted attributes that are crossed: one, or several for an intersection.
    favourable, parameters : as for :func:`assess_fairness`
    conditions : names of counted attributes within whose values decisions are compared once more
        One that an attribute is made of says nothing about it and is left out there.
    scoring : mapping or None
        Name shown → count table whose decision 1 is a score strictly above the median score of all rows
        (:func:`apps.ml.evaluation.fairness.scoring.count_above_median`); without it there are no scoring rates.

    Raises
    ------
    DataError
        No attribute, or one that was not counted.
    ParameterError
        A reference group is named for an attribute that is not assessed.
    """
    if not attributes:
        raise DataError("there is no sensitive attribute. Name at least one.")
    require_known_attributes(parameters.reference_groups, list(attributes))
    parts = {
        shown: attribute_counts(joint, names, parameters.minimum_group_size, (scoring or {}).get(shown))
        for shown, names in attributes.items()
    }
    families = count_families(list(parts.values()), parameters.confidence)
    assessed = {
        shown: _assess(shown, part, joint, favourable, parameters, conditions, families)
        for shown, part in parts.items()
    }
    return FairnessAssessment(assessed, joint, families)


def _assess(
    shown: str,
    part: AttributeCounts,
    joint: JointCounts,
    favourable: Favourable,
    parameters: ModelEvaluation,
    conditions: Sequence[str],
    families: Families,
) -> AttributeAssessment:
    reference = compare_with_reference(
        part.table,
        part.judged,
        parameters.reference_groups.get(shown),
        favourable,
        families.levels("reference_comparisons"),
    )
    return AttributeAssessment(
        groups=_groups(part, favourable, parameters, families),
        metrics=_comparisons(part, favourable, parameters, families),
        counts=part.table,
        reference=reference,
        conditional=conditional_parts(joint, part.names, part.judged_names, conditions, favourable, parameters),
        individual=individual_measures(part.table, favourable, parameters),
    )


def _groups(
    part: AttributeCounts, favourable: Favourable, parameters: ModelEvaluation, families: Families
) -> dict[str, GroupAssessment]:
    levels = families.levels("group_metrics")
    metrics = measure_groups(part.table, part.judged, favourable, levels)
    if part.scoring is not None:
        metrics |= measure_scoring(part.scoring, part.judged, favourable, levels)
    if part.scores is not None:
        metrics |= measure_scores_by_group(part.scores, part.table.labelled, part.weighted, parameters, levels)
    rule = four_fifths_by_group(part.table, part.judged, favourable)
    return {
        name: GroupAssessment(
            n=int(n),
            judged=why_not is None,
            why_not=why_not,
            metrics={metric: measured[at] for metric, measured in metrics.items()},
            four_fifths=rule.get(name),
        )
        for at, (name, n, why_not) in enumerate(zip(part.table.groups, part.table.sizes, part.why_not, strict=True))
    }


def _comparisons(
    part: AttributeCounts, favourable: Favourable, parameters: ModelEvaluation, families: Families
) -> dict[str, Measurement]:
    levels = families.levels("comparisons")
    judged = part.table.select(part.judged_names)
    found = compare_rates(judged, favourable, levels) | compare_compositions(judged, levels)
    if part.scores is None:
        return found
    scores = part.scores.select(part.judged_names)
    return found | compare_scores(scores, part.table.labelled, part.weighted, parameters, levels)


def _with_conditions(groups: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    """Put the conditioning columns beside the groups, by position; those named as an attribute are that attribute."""
    if len(groups) != len(conditions):
        raise DataError(
            f"the numbers of rows differ: groups {len(groups)}, conditions {len(conditions)}. "
            "Give one value per row in each of them."
        )
    own = [at for at, name in enumerate(conditions.columns) if str(name) not in set(map(str, groups.columns))]
    parts = [groups.reset_index(drop=True), conditions.iloc[:, own].reset_index(drop=True)]
    return pd.concat(parts, axis=1)


def _coded(columns: pd.DataFrame) -> pd.DataFrame:
    """Turn every column into categories in display order, so that names are looked up once."""
    found = {}
    for name in columns.columns:
        names, codes = group_codes(columns[name])
        found[name] = pd.Categorical.from_codes(codes, categories=pd.Index(list(names), dtype=object))
    return pd.DataFrame(found)
