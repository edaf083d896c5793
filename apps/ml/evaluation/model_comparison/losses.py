"""The difference of two models' mean losses on the same rows: each row contributes one independent difference."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.numbers.errors import mean_error
from apps.ml.evaluation.statistics.scores.losses import SMALLEST_PROBABILITY

Numbers = npt.NDArray[np.float64]
METHOD = "Student's t interval of the mean paired difference"


def mean_difference(new: Numbers, old: Numbers, confidence: float) -> Measurement:
    """Measure the mean of `new` − `old`, row by row, with Student's t interval.

    Parameters
    ----------
    new, old : float64 [n], losses of the same rows
    confidence : float in (0, 1)

    Returns
    -------
    Measurement
        In the unit of the losses; undefined for fewer than two rows, from which no spread can be told. For losses
        1, 3 against 0, 0 the value is 2 and the interval at .95 is 2 ± 12.7.
    """
    differences = np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)
    if len(differences) < 2:
        return undefined("a mean difference needs at least two rows to tell its spread", n=len(differences))
    return replace(mean_error(differences, confidence), method=METHOD)


def log_losses(labels: Numbers, scores: Numbers) -> Numbers:
    """Return −ln(probability given to what happened) per row, in nats; float64 [n]."""
    given = np.clip(np.where(labels == 1, scores, 1 - scores), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(-np.log(given), dtype=np.float64)


def squared_errors(labels: Numbers, scores: Numbers) -> Numbers:
    """Return the squared distance between score and label per row, float64 [n]; for a probability, Brier's score."""
    return np.asarray((scores - labels) ** 2, dtype=np.float64)


def absolute_errors(labels: Numbers, scores: Numbers) -> Numbers:
    """Return the distance between score and label per row, float64 [n]."""
    return np.asarray(np.abs(scores - labels), dtype=np.float64)
