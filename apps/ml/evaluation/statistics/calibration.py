"""Calibration: whether rows that score p have the positive event in a share p of cases.

Rows are divided into bins of equal mass by their score; equal scores are never divided. The calibration error is the
plain (not debiased) weighted mean over the bins of |mean score − share of positives|.

The plain error of a perfectly calibrated score is above 0, because noise never cancels in an absolute value. The
interval says so, instead of a correction that holds only on average. With δ a bin's true deviation, d the observed
one, σ its standard error, w the bin's share of rows and θ = Σ w·|δ|:

- *upper bound*: |d| ≥ sign(δ)·d in every bin, so θ exceeds the plain error by at most Σ w·sign(δ)·(δ − d), which is
  normal with variance Σ w²σ², whatever δ is.
- *lower bound*: the plain error exceeds θ by at most Σ w·|d − δ|, which is distributed as Σ w·σ·|Z| with independent
  standard normal Z; its quantile comes from seeded draws.

Each side errs with at most half of 1 − confidence. Scores are taken as given; only labels are random.

References
----------
Roelofs, Cain, Shlens and Mozer (2022), Mitigating bias in calibration error estimation, AISTATS (equal mass; the bias
of the plain error). Agresti and Coull (1998), Approximate is better than "exact" for interval estimation of binomial
proportions, The American Statistician 52 (σ where a bin has only one class).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.intervals import normal_quantile
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.rates import share

Numbers = npt.NDArray[np.float64]

METHOD = "plain error over bins of equal mass; bounds from the triangle inequality and normal deviations per bin"


class CalibrationBins(NamedTuple):
    """Rows divided by score, lowest first: arrays [b] of rows, positives and mean score."""

    rows: npt.NDArray[np.int64]
    positives: npt.NDArray[np.int64]
    mean_score: Numbers

    @property
    def positive_share(self) -> Numbers:
        """Share of positives per bin, float64 [b]."""
        return self.positives / self.rows


def calibration_bins(labels: npt.NDArray[np.int8], scores: Numbers, bins: int) -> CalibrationBins:
    """Divide rows into at most `bins` bins of equal mass; rows with equal scores stay together.

    Parameters
    ----------
    labels : int8 [n] of 0 and 1, n > 0
    scores : float64 [n]
    bins : int, at least 1

    Returns
    -------
    CalibrationBins
        Fewer than `bins` where many scores are equal; none is empty.
    """
    edges = np.unique(np.quantile(scores, np.arange(1, bins) / bins, method="inverted_cdf"))
    position = np.searchsorted(edges, scores, side="left")
    rows = np.bincount(position, minlength=len(edges) + 1)
    kept = rows > 0
    positives = np.bincount(position, weights=labels, minlength=len(edges) + 1)[kept]
    total = np.bincount(position, weights=scores, minlength=len(edges) + 1)[kept]
    return CalibrationBins(rows[kept], positives.astype(np.int64), total / rows[kept])


def calibration_error(
    labels: npt.NDArray[np.int8], scores: Numbers, bins: int, confidence: float, replicates: int, seed: int
) -> Measurement:
    """Measure the plain calibration error over bins of equal mass; 0 is best.

    Parameters
    ----------
    labels : int8 [n] of 0 and 1
    scores : float64 [n], probability of the positive event
    bins : int, at least 1
    confidence : float in (0, 1)
    replicates, seed : int, draws for the lower bound

    Returns
    -------
    Measurement
        Undefined without rows.
    """
    if not len(labels):
        return undefined("there are no rows")
    table = calibration_bins(labels, scores, bins)
    weights = table.rows / len(labels)
    value = float(np.sum(weights * np.abs(table.mean_score - table.positive_share)))
    deviations = weights * _standard_errors(table, confidence)
    upper = value + normal_quantile(confidence) * float(np.sqrt(np.sum(deviations**2)))
    noise = np.abs(np.random.default_rng(seed).standard_normal((replicates, len(deviations)))) @ deviations
    lower = value - float(np.quantile(noise, 0.5 + confidence / 2))
    return Measurement(value, len(labels), max(0.0, lower), min(1.0, upper), confidence, METHOD)


def calibration_records(
    labels: npt.NDArray[np.int8], scores: Numbers, bins: int, confidence: float
) -> list[tuple[float, Measurement]]:
    """Return, per bin of equal mass, the mean score and the share of positives with its Wilson interval."""
    table = calibration_bins(labels, scores, bins)
    return [
        (float(mean), share(int(positives), int(rows), confidence, "there are no rows"))
        for rows, positives, mean in zip(*table, strict=True)
    ]


def _standard_errors(table: CalibrationBins, confidence: float) -> Numbers:
    """Standard error of each bin's share; pseudo-counts keep it above zero in bins of one class."""
    z_squared = normal_quantile(confidence) ** 2
    shrunk = (table.positives + z_squared / 2) / (table.rows + z_squared)
    errors: Numbers = np.sqrt(shrunk * (1 - shrunk) / table.rows)
    return errors
