"""From labels, decisions and groups, or from their counts alone, to a fairness assessment."""

import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.errors import DataError
from apps.ml.evaluation.fairness.comparisons import compare_groups
from apps.ml.evaluation.fairness.results import AttributeAssessment, FairnessAssessment, GroupAssessment
from apps.ml.evaluation.statistics.checked_columns import require_equal_lengths
from apps.ml.evaluation.statistics.counts import CountTable, count_cells, outcome_cells
from apps.ml.evaluation.statistics.rates import Favourable, measure_rates
from apps.ml.parameters import ModelEvaluation


def assess_fairness(
    labels: npt.ArrayLike,
    decisions: npt.ArrayLike,
    groups: pd.DataFrame,
    favourable: Favourable,
    parameters: ModelEvaluation,
) -> FairnessAssessment:
    """Assess decisions for every sensitive attribute.

    Parameters
    ----------
    labels, decisions : array-like [n] of 0 and 1; 1 is the positive event
    groups : DataFrame [n, attributes]
        Name of each row's group; missing values count as the group `unknown`. Aligned by position, not by index.
    favourable : "positive" or "negative"
        Which decision is good for the person.
    parameters : ModelEvaluation
        `confidence` of every interval and `minimum_group_size`, the rows a group needs to be judged.

    Returns
    -------
    FairnessAssessment
        Every attribute with all its groups. Estimates do not depend on the order of rows or the names of groups.

    Raises
    ------
    DataError
        No attribute, two attributes of one name, lengths that differ, or labels or decisions other than 0 and 1.
    """
    _require_attributes(groups)
    cells = outcome_cells(labels, decisions)
    require_equal_lengths({"labels": len(cells), "groups": len(groups)})
    return FairnessAssessment(
        {str(name): assess_counts(count_cells(cells, groups[name]), favourable, parameters) for name in groups.columns}
    )


def assess_counts(table: CountTable, favourable: Favourable, parameters: ModelEvaluation) -> AttributeAssessment:
    """Assess one attribute from its count table: the same result as from the rows that were counted."""
    groups = {name: _assess_group(table, name, favourable, parameters) for name in table.groups}
    judged = table.select(name for name, group in groups.items() if group.judged)
    return AttributeAssessment(groups, compare_groups(judged, favourable, parameters.confidence), table)


def _assess_group(table: CountTable, name: str, favourable: Favourable, parameters: ModelEvaluation) -> GroupAssessment:
    block = table.of(name)
    n = int(block.sum())
    why_not = _why_not_judged(name, n, parameters.minimum_group_size)
    return GroupAssessment(n, why_not is None, why_not, measure_rates(block, favourable, parameters.confidence))


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
        repeated = groups.columns[groups.columns.duplicated()].unique()
        raise DataError(f"sensitive attributes appear twice: {', '.join(map(str, repeated))}. Rename one of each.")
