"""Two models on the same rows: differences of shares, of areas under the curve and of the largest gap, new − old.

Both models meet the same easy and hard rows, so their errors go together and the difference is known better than from
two separate sets of rows.

References
----------
DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves, Biometrics 44.
"""

import math

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.ranking import ONE_CLASS
from apps.ml.evaluation.statistics.shares.intervals import normal_quantile
from apps.ml.evaluation.statistics.shares.paired_gap import paired_gap_change
from apps.ml.evaluation.statistics.shares.paired_share import paired_share_difference

__all__ = ["paired_auc_difference", "paired_gap_change", "paired_share_difference"]

SAME_SCORES = "DeLong (equal scores: no difference is possible)"


def paired_auc_difference(
    labels: npt.NDArray[np.int8],
    new_scores: npt.NDArray[np.float64],
    old_scores: npt.NDArray[np.float64],
    confidence: float,
) -> Measurement:
    """Measure ROC AUC of the new scores − ROC AUC of the old ones on the same rows, by DeLong.

    Parameters
    ----------
    labels : int8 [n] of 0 and 1
    new_scores, old_scores : float64 [n], any scale; only their order counts
    confidence : float in (0, 1)

    Returns
    -------
    Measurement
        In [−1, 1]; undefined where all rows are of one class, or one class has a single row and its spread is unknown.
    """
    positive = np.asarray(labels) == 1
    few = min(int(positive.sum()), int((~positive).sum()))
    if few == 0:
        return undefined(ONE_CLASS, n=len(positive))
    above, below = _placement_differences(positive, np.asarray(new_scores), np.asarray(old_scores))
    value = float(above.mean())
    if few == 1:
        return undefined("a class has a single row, so how far the areas vary is unknown", n=len(positive))
    variance = float(above.var(ddof=1)) / len(above) + float(below.var(ddof=1)) / len(below)
    half = normal_quantile(confidence) * math.sqrt(variance)
    lower, upper = max(value - half, -1.0), min(value + half, 1.0)
    return Measurement(value, len(positive), lower, upper, confidence, "DeLong, paired" if variance else SAME_SCORES)


def _placement_differences(
    positive: npt.NDArray[np.bool_], new: npt.NDArray[np.float64], old: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    new_above, new_below = _placements(new[positive], new[~positive])
    old_above, old_below = _placements(old[positive], old[~positive])
    return new_above - old_above, new_below - old_below


def _placements(
    positives: npt.NDArray[np.float64], negatives: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Per positive the share of negatives below it, per negative the share of positives above it; ties count half."""
    return _share_below(positives, negatives), 1 - _share_below(negatives, positives)


def _share_below(scores: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    share: npt.NDArray[np.float64] = below / (2 * len(others))
    return share
