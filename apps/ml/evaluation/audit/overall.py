"""How well audited decisions and scores fit the labels, over all rows; from counts alone."""

from typing import Any

from apps.ml.evaluation.audit.options import AuditOptions
from apps.ml.evaluation.fairness.group_metrics import measure_groups
from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.performance import f1_score
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.scores.calibration import calibration_error_by_group
from apps.ml.evaluation.statistics.scores.group_ranking import roc_auc_by_group
from apps.ml.parameters import ModelEvaluation

ALL = "all"

SHOWN_AS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "positive_predictive_value": "precision",
    "true_positive_rate": "recall",
}


def measure_overall(joint: JointCounts, options: AuditOptions, parameters: ModelEvaluation) -> dict[str, Any]:
    """Return the record's section `performance`; only its plain values where there are no labels.

    Decisions give accuracy, balanced accuracy, precision, recall and, unweighted, F1. Probabilities give ROC AUC and
    calibration error, where rows are not weighted.
    """
    about: dict[str, Any] = {"rows": joint.rows, "favourable": options.words.favourable_side}
    if options.threshold is not None:
        about["threshold"] = options.threshold
    measured = _measured(joint, options, parameters) if joint.labelled else {}
    return about | {name: measurement.to_dict() for name, measurement in measured.items()}


def _measured(joint: JointCounts, options: AuditOptions, parameters: ModelEvaluation) -> dict[str, Measurement]:
    table = joint.table(joint.attributes[0]).together(ALL)
    levels = Levels(parameters.confidence, parameters.confidence)
    rates = measure_groups(table, [False], options.words.favourable_side, levels)
    found = {shown: rates[name][0] for name, shown in SHOWN_AS.items()}
    if joint.weighted:
        return found
    found["f1"] = f1_score(table.counts[0], parameters.confidence)
    if joint.score_bins:
        scores = joint.scores(joint.attributes[0]).together(ALL)
        found["roc_auc"] = roc_auc_by_group(scores, parameters.confidence)[ALL]
        found["calibration_error"] = calibration_error_by_group(
            scores,
            parameters.calibration_bins,
            parameters.confidence,
            parameters.bootstrap_replicates,
            parameters.seed,
        )[ALL]
    return found
