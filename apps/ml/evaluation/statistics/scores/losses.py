"""Mean losses of probability scores, with t intervals: each row contributes one independent loss."""

import math

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.measurement import Measurement, undefined

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in the logarithmic loss, as scikit-learn does for float64."""


def log_loss(labels: npt.NDArray[np.int8], scores: npt.NDArray[np.float64], confidence: float) -> Measurement:
    """Measure the mean of −ln(probability given to what happened), in nats; 0 is best.

    Parameters
    ----------
    labels : int8 [n] of 0 and 1
    scores : float64 [n], probability of the positive event
    confidence : float in (0, 1)

    Returns
    -------
    Measurement
        Undefined for fewer than two rows, from which no spread can be told.
    """
    given = np.clip(np.where(labels == 1, scores, 1 - scores), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return mean_loss(-np.log(given), confidence, highest=-math.log(SMALLEST_PROBABILITY))


def brier_score(labels: npt.NDArray[np.int8], scores: npt.NDArray[np.float64], confidence: float) -> Measurement:
    """Measure the mean squared distance between score and label; 0 is best, 1 is worst.

    Parameters and result as for :func:`log_loss`.
    """
    return mean_loss((scores - labels) ** 2, confidence, highest=1.0)


def mean_loss(losses: npt.NDArray[np.float64], confidence: float, highest: float) -> Measurement:
    """Measure the mean of independent losses between 0 and `highest`, with Student's t interval."""
    from scipy.stats import t

    n = len(losses)
    if n < 2:
        return undefined("a mean loss needs at least two rows to tell its spread", n=n)
    value = float(losses.mean())
    half = float(t.ppf(0.5 + confidence / 2, n - 1)) * float(losses.std(ddof=1)) / math.sqrt(n)
    return Measurement(
        value, n, max(0.0, value - half), min(highest, value + half), confidence, "Student's t interval of the mean"
    )
