"""Performance: how well scores and decisions fit the labels, ten measurements with intervals.

==================  =====================================================================================
accuracy            share of right decisions; Wilson
balanced_accuracy   mean of true positive and true negative rate; Newcombe
precision           share of positives among those predicted positive; Wilson
recall              share of those predicted positive among positives; Wilson
f1                  harmonic mean of precision and recall; transformed Wilson
roc_auc             DeLong on the logit scale, Welch's t
pr_auc              average precision; linearised variance on the logit scale, Student's t
log_loss            mean logarithmic loss in nats; t interval
brier_score         mean squared distance of score and label; t interval
calibration_error   debiased error over bins of equal mass
==================  =====================================================================================

No interval needs a bootstrap over rows: each has a closed form, apart from seeded normal draws for one bound of the
calibration error. docs/ml/fairness_metrics.md gives reasons and sources.
"""

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.checked_columns import (
    binary_values,
    probability_values,
    require_equal_lengths,
)
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.calibration import calibration_error
from apps.ml.evaluation.statistics.scores.losses import brier_score, log_loss
from apps.ml.evaluation.statistics.scores.ranking import average_precision, roc_auc
from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference, wilson
from apps.ml.evaluation.statistics.shares.rates import RATES, measure_rate
from apps.ml.parameters import ModelEvaluation

Cells = npt.NDArray[np.int64]


def measure_performance(
    labels: npt.ArrayLike, scores: npt.ArrayLike, decisions: npt.ArrayLike, parameters: ModelEvaluation
) -> dict[str, Measurement]:
    """Measure scores and decisions against labels.

    Parameters
    ----------
    labels : array-like [n] of 0 and 1; 1 is the positive event
    scores : array-like [n], probability of the positive event, within [0, 1]
    decisions : array-like [n] of 0 and 1
    parameters : ModelEvaluation
        `confidence`; `calibration_bins`; `bootstrap_replicates` and `seed` of the calibration error's lower bound.

    Returns
    -------
    dict[str, Measurement]
        The ten metrics in the order of the table above; undefined with a reason where nothing can be said.

    Raises
    ------
    DataError
        Lengths differ, labels or decisions hold anything but 0 and 1, or scores leave [0, 1].
    """
    y, s, d = binary_values(labels, "labels"), probability_values(scores), binary_values(decisions, "decisions")
    require_equal_lengths({"labels": len(y), "scores": len(s), "decisions": len(d)})
    block = np.bincount(2 * y + d, minlength=4).reshape(2, 2).astype(np.int64)
    return measure_decisions(block, parameters.confidence) | measure_scores(y, s, parameters)


def measure_decisions(block: Cells, confidence: float) -> dict[str, Measurement]:
    """Measure decisions from their 2 × 2 counts, int64 [label, decision].

    Returns
    -------
    dict[str, Measurement]
        accuracy, balanced_accuracy, precision, recall, f1.
    """
    return {
        "accuracy": measure_rate(block, RATES["accuracy"], confidence),
        "balanced_accuracy": balanced_accuracy(block, confidence),
        "precision": measure_rate(block, RATES["positive_predictive_value"], confidence),
        "recall": measure_rate(block, RATES["true_positive_rate"], confidence),
        "f1": f1_score(block, confidence),
    }


def measure_scores(
    labels: npt.NDArray[np.int8], scores: npt.NDArray[np.float64], parameters: ModelEvaluation
) -> dict[str, Measurement]:
    """Measure scores against labels, whatever the threshold.

    Returns
    -------
    dict[str, Measurement]
        roc_auc, pr_auc, log_loss, brier_score, calibration_error.
    """
    confidence = parameters.confidence
    return {
        "roc_auc": roc_auc(labels, scores, confidence),
        "pr_auc": average_precision(labels, scores, confidence),
        "log_loss": log_loss(labels, scores, confidence),
        "brier_score": brier_score(labels, scores, confidence),
        "calibration_error": calibration_error(
            labels,
            scores,
            parameters.calibration_bins,
            confidence,
            parameters.bootstrap_replicates,
            parameters.seed,
        ),
    }


def balanced_accuracy(block: Cells, confidence: float) -> Measurement:
    """Measure the mean of true positive and true negative rate; undefined where a class has no rows.

    It is half of 1 + true positive rate − false positive rate, so the bounds of that difference carry over.
    """
    rows = int(block.sum())
    hits, positives = (int(number) for number in RATES["true_positive_rate"].counts(block))
    alarms, negatives = (int(number) for number in RATES["false_positive_rate"].counts(block))
    if not positives or not negatives:
        return undefined("balanced accuracy needs rows of both classes", n=rows)
    bounds = newcombe_difference(hits, positives, alarms, negatives, confidence)
    gap = np.array([hits / positives - alarms / negatives, bounds.lower, bounds.upper])
    value, lower, upper = (float(number) for number in (1 + gap) / 2)
    return Measurement(
        value, rows, lower, upper, confidence, "Newcombe (MOVER-Wilson) interval of TPR − FPR, transformed"
    )


def f1_score(block: Cells, confidence: float) -> Measurement:
    """Measure 2·TP / (2·TP + FP + FN); undefined where nobody is positive or predicted positive.

    With J = TP / (TP + FP + FN), a share of rows, F1 is 2J / (1 + J): it rises with J, so the bounds of J carry over.
    """
    rows = int(block.sum())
    hits, involved = int(block[1, 1]), int(block.sum() - block[0, 0])
    if not involved:
        return undefined("no row is positive or predicted positive", n=rows)
    shares = np.array([hits / involved, *wilson(hits, involved, confidence)])
    value, lower, upper = (float(number) for number in 2 * shares / (1 + shares))
    return Measurement(
        value, rows, lower, upper, confidence, "Wilson score interval of TP / (TP + FP + FN), transformed"
    )
