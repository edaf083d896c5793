"""Looking inside: decisions among rows that are alike in a further column, and inequality between persons."""

from collections.abc import Sequence
from typing import Any

from apps.ml.evaluation.statistics.conditional import conditional_disparity
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.evaluation.statistics.entropy import generalized_entropy
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.shares.rates import Favourable
from apps.ml.parameters import ModelEvaluation

THEIL = 1.0
"""α at which the generalised entropy is Theil's index."""


def conditional_parts(
    joint: JointCounts,
    names: Sequence[str],
    judged: Sequence[str],
    conditions: Sequence[str],
    favourable: Favourable,
    parameters: ModelEvaluation,
) -> dict[str, dict[str, Any]]:
    """Compare the judged groups among the rows of each value of each conditioning column.

    Parameters
    ----------
    joint : JointCounts
    names : attributes that are crossed
    judged : names of the judged groups
    conditions : conditioning attributes; those among `names` are left out
    favourable : which decision is good for the person
    parameters : ModelEvaluation, for `confidence`

    Returns
    -------
    dict[str, dict]
        Column → `difference` (a measurement) and `cmh` (the Cochran-Mantel-Haenszel test), JSON-ready.
    """
    found = {}
    for condition in conditions:
        if condition in names:
            continue
        strata = {value: table.select(judged) for value, table in joint.tables_within(condition, *names).items()}
        difference, cmh = conditional_disparity(strata, favourable, parameters.confidence)
        found[condition] = {"difference": difference.to_dict(), "cmh": cmh}
    return found


def individual_measures(
    table: CountTable, favourable: Favourable, parameters: ModelEvaluation
) -> dict[str, Measurement]:
    """Measure how unequally decisions benefit persons, in total, between the groups and within them.

    Parameters
    ----------
    table : CountTable of all groups, the unknown and the small included
    favourable : which decision is good for the person
    parameters : ModelEvaluation
        `entropy_alpha`, `confidence`, `bootstrap_replicates`, `seed`.

    Returns
    -------
    dict[str, Measurement]
        `generalized_entropy` with its parts `_between` and `_within`, and `theil_index`; undefined without labels.
    """
    draws = (parameters.confidence, parameters.bootstrap_replicates, parameters.seed, favourable)
    entropy = generalized_entropy(table, parameters.entropy_alpha, *draws)
    theil = entropy if parameters.entropy_alpha == THEIL else generalized_entropy(table, THEIL, *draws)
    return {
        "generalized_entropy": entropy.total,
        "generalized_entropy_between": entropy.between,
        "generalized_entropy_within": entropy.within,
        "theil_index": theil.total,
    }
