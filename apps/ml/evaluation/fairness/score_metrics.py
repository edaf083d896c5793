"""What the scores of groups show beside the decisions: ranking and calibration, from a score table.

=============================  ===================================================================================
metric                         definition
=============================  ===================================================================================
roc_auc (per group)            share of (positive, negative) pairs of the group in the right order, ties half
calibration_error (per group)  :mod:`apps.ml.evaluation.statistics.scores.calibration`
roc_auc_difference             largest − smallest area over the judged groups
abroca                         largest area between the ROC curves of two judged groups; not below the difference
calibration_error_difference   largest − smallest calibration error over the judged groups
=============================  ===================================================================================
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from apps.ml.evaluation.fairness.comparisons import at_both_levels
from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.calibration import calibration_difference, calibration_error_by_group
from apps.ml.evaluation.statistics.scores.group_ranking import abroca, roc_auc_by_group, roc_auc_difference
from apps.ml.evaluation.statistics.shares.rates import NO_LABELS
from apps.ml.parameters import ModelEvaluation

SCORE_METRICS = ("roc_auc", "calibration_error")
SCORE_COMPARISONS = ("roc_auc_difference", "abroca", "calibration_error_difference")

NOT_WEIGHTED = "rows counted alike: weights do not enter"


def measure_scores_by_group(
    table: ScoreTable, labelled: bool, weighted: bool, parameters: ModelEvaluation, levels: Levels
) -> dict[str, list[Measurement]]:
    """Measure ranking and calibration of every group of a table.

    Parameters
    ----------
    table : ScoreTable [g]
    labelled, weighted : whether rows have labels (else all is undefined), and weights (which do not enter)
    parameters : ModelEvaluation
        `calibration_bins`, `bootstrap_replicates`, `seed`.
    levels : Levels

    Returns
    -------
    dict[str, list[Measurement]]
        Metric → one measurement per group, in the order of the table.
    """
    if not labelled:
        sizes = table.rows.sum(axis=(1, 2))
        return {name: [undefined(NO_LABELS, n=int(n)) for n in sizes] for name in SCORE_METRICS}
    bins, draws = parameters.calibration_bins, (parameters.bootstrap_replicates, parameters.seed)
    measured_at = {
        "roc_auc": lambda level: roc_auc_by_group(table, level),
        "calibration_error": lambda level: calibration_error_by_group(table, bins, level, *draws),
    }
    found = {name: _at_both_levels(measure, table.groups, levels) for name, measure in measured_at.items()}
    return {name: _told(measured, weighted) for name, measured in found.items()}


def compare_scores(
    judged: ScoreTable, labelled: bool, weighted: bool, parameters: ModelEvaluation, levels: Levels
) -> dict[str, Measurement]:
    """Compare ranking and calibration of the judged groups; parameters as for :func:`measure_scores_by_group`.

    Returns
    -------
    dict[str, Measurement]
        :data:`SCORE_COMPARISONS`; undefined without labels, for fewer than two groups, and where a group lacks a class.
    """
    if not labelled:
        return {name: undefined(NO_LABELS, n=int(judged.rows.sum())) for name in SCORE_COMPARISONS}
    bins, draws = parameters.calibration_bins, (parameters.bootstrap_replicates, parameters.seed)
    measures: list[Callable[[float], Measurement]] = [
        lambda level: roc_auc_difference(judged, level),
        lambda level: abroca(judged, level, *draws),
        lambda level: calibration_difference(judged, bins, level, *draws),
    ]
    found = [at_both_levels(measure, levels) for measure in measures]
    return dict(zip(SCORE_COMPARISONS, _told(found, weighted), strict=True))


def _at_both_levels(
    measure: Callable[[float], dict[str, Measurement]], groups: Sequence[str], levels: Levels
) -> list[Measurement]:
    each, together = measure(levels.each), measure(levels.together)
    return [
        replace(each[name], simultaneous_lower=together[name].lower, simultaneous_upper=together[name].upper)
        for name in groups
    ]


def _told(measured: Sequence[Measurement], weighted: bool) -> list[Measurement]:
    """Say in `method` that weights do not enter, where there are any."""
    if not weighted:
        return list(measured)
    return [replace(one, method=f"{one.method}; {NOT_WEIGHTED}") if one.is_defined else one for one in measured]
