"""Calibration: whether rows that score p have the positive event in a share p of cases.

Rows are divided into bins of equal mass by their score; equal scores are never divided (from a score table: rows of one
step are never divided). The *plain* calibration error is the weighted mean over the bins of |mean score − share of
positives|. With δ a bin's true deviation, d the observed one, σ its standard error and w the bin's share of rows, it
estimates θ = Σ w·|δ| and is too large on average, because noise never cancels in an absolute value: the plain error of
a perfectly calibrated score is about .8 Σ w·σ.

The *calibration error* that is reported is *debiased*: from the plain error the noise is subtracted that bins with such
deviations are expected to add, E|δ + σZ| − |δ| with Z standard normal, and the result is kept at 0 or above. The same δ
is put in for all bins: the root of what is left of the mean squared deviation without its noise, Σ w·d² − Σ w·σ², which
is unbiased for Σ w·δ² (Bröcker 2012; Kumar et al. 2019). Thus all of the noise is subtracted where nothing but noise is
seen and almost none where deviations are large. Reporting that root itself would weigh few large deviations more and
give up the unit in which the plain error is read. In simulations of ten bins, 100 to 4,000 rows and ten kinds of
deviation the mean error of the debiased value is within ±.3 σ, that of the plain one up to .85 σ.

The interval needs no correction that holds only on average:

- *upper bound*: |d| ≥ sign(δ)·d in every bin, so θ exceeds the plain error by at most Σ w·sign(δ)·(δ − d), which is
  normal with variance Σ w²σ², whatever δ is.
- *lower bound*: the plain error exceeds θ by at most Σ w·|d − δ|, which is distributed as Σ w·σ·|Z| with independent
  standard normal Z; its quantile comes from seeded draws.

Each side errs with at most half of 1 − confidence. Scores are taken as given; only labels are random. As the noise
subtracted is at most its own mean, the debiased error lies within the bounds. The *calibration difference* is the
largest minus the smallest error over groups. Its lower bound is a square-and-add of those of the errors; the upper one,
for which the debiased error of a well-calibrated group is still too large, is the difference of an upper and a lower
bound that hold together.

References
----------
Bröcker (2012), Estimating reliability and resolution of probability forecasts through decomposition of the empirical
score, Climate Dynamics 39. Kumar, Liang and Ma (2019), Verified uncertainty calibration, NeurIPS, section 5.
Roelofs, Cain, Shlens and Mozer (2022), Mitigating bias in calibration error estimation, AISTATS (equal mass; the bias
of the plain error). Agresti and Coull (1998), Approximate is better than "exact" for interval estimation of binomial
proportions, The American Statistician 52 (σ where a bin has only one class). Boucheron, Lugosi and Massart (2013),
Concentration Inequalities, theorem 10.17 and Kwapień (1994), A remark on the median and the expectation of convex
functions of Gaussian vectors, Progress in Probability 35 (the tail of Σ w·σ·|Z| where draws are too few).
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.calibration_bins import CalibrationBins, bins_of_steps, calibration_bins
from apps.ml.evaluation.statistics.shares.intervals import Interval, normal_quantile, wilson
from apps.ml.evaluation.statistics.shares.pairwise_gaps import Positions, largest_estimate_gap, square_and_add

Numbers = npt.NDArray[np.float64]

NO_ROWS = "there are no rows"
METHOD = "debiased error over bins of equal mass; bounds from the triangle inequality and normal deviations per bin"
FEWEST_BEYOND = 10
"""Draws that must lie beyond a quantile for it to be told from them."""

DIFFERENCE_METHOD = "pairwise square-and-add of the groups' intervals, upper bound their difference"


def calibration_error(
    labels: npt.NDArray[np.int8], scores: Numbers, bins: int, confidence: float, replicates: int, seed: int
) -> Measurement:
    """Measure the debiased calibration error over bins of equal mass; 0 is best.

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
        return undefined(NO_ROWS)
    return _measured(calibration_bins(labels, scores, bins), confidence, _normal_draws(bins, replicates, seed))


def calibration_error_by_group(
    table: ScoreTable, bins: int, confidence: float, replicates: int, seed: int
) -> dict[str, Measurement]:
    """Measure the debiased calibration error of every group over bins of equal mass of its own rows.

    Parameters
    ----------
    table : ScoreTable
    bins, confidence, replicates, seed : as for :func:`calibration_error`

    Returns
    -------
    dict[str, Measurement]
        By group; undefined for a group without rows.
    """
    divided = bins_of_steps(table, bins)
    draws = _normal_draws(bins, replicates, seed)
    return {
        name: _measured(divided[name], confidence, draws) if name in divided else undefined(NO_ROWS)
        for name in table.groups
    }


def calibration_difference(table: ScoreTable, bins: int, confidence: float, replicates: int, seed: int) -> Measurement:
    """Measure the largest minus the smallest debiased calibration error over all groups of the table.

    Parameters
    ----------
    table : ScoreTable of the judged groups alone
    bins : int, at least 1
    confidence : float in (0, 1), of the whole interval
    replicates, seed : int, draws for the bounds as far as they suffice

    Returns
    -------
    Measurement
        Names the groups with the `lowest` and the `highest` error. The lower bound holds for all groups at once, the
        upper one for the pair that is truly worst. Undefined for fewer than two groups and for a group without rows.
    """
    n = int(table.rows.sum())
    if len(table.groups) < 2:
        found = f"only '{table.groups[0]}' is" if table.groups else "none is"
        return undefined(f"a comparison needs at least two judged groups and {found} judged", n=n)
    divided = bins_of_steps(table, bins)
    empty = [f"'{name}'" for name in table.groups if name not in divided]
    if empty:
        return undefined(f"the calibration error is undefined for {', '.join(empty)}: {NO_ROWS}", n=n)
    bins_by_group, draws = list(divided.values()), _normal_draws(bins, replicates, seed)
    values = np.array([debiased_error(one) for one in bins_by_group])

    def bounds(first: Positions, second: Positions, level: float) -> Interval:
        added = square_and_add(values, _error_bounds(bins_by_group, (1 - level) / 2, draws), first, second)
        apart = _error_bounds(bins_by_group, (1 - level) / 4, draws)
        return Interval(added.lower, np.maximum(added.upper, apart.upper[first] - apart.lower[second]))

    gap = largest_estimate_gap(values, bounds, confidence, highest=1.0)
    pairs = len(values) * (len(values) - 1) // 2
    return Measurement(
        gap.value,
        n,
        gap.lower,
        gap.upper,
        confidence,
        DIFFERENCE_METHOD + (f", lower bound Bonferroni over {pairs} pairs" if pairs > 1 else ""),
        lowest=table.groups[gap.lowest],
        highest=table.groups[gap.highest],
    )


def calibration_curves(table: ScoreTable, bins: int, confidence: float) -> dict[str, list[dict[str, float | int]]]:
    """Return, per group and bin of equal mass, `mean_score`, `share` of positives with its Wilson bounds `lower` and
    `upper`, and rows `n`; empty for a group without rows."""
    divided = bins_of_steps(table, bins)
    return {name: _curve(divided[name], confidence) if name in divided else [] for name in table.groups}


def _curve(bins: CalibrationBins, confidence: float) -> list[dict[str, float | int]]:
    bounds = wilson(bins.positives, bins.rows, confidence)
    columns = {
        "mean_score": bins.mean_score.tolist(),
        "share": bins.positive_share.tolist(),
        "lower": bounds.lower.tolist(),
        "upper": bounds.upper.tolist(),
        "n": bins.rows.tolist(),
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def plain_error(bins: CalibrationBins) -> float:
    """Return the weighted mean of |mean score − share of positives|, in [0, 1]."""
    return float(np.sum(bins.weights * np.abs(bins.deviations)))


def debiased_error(bins: CalibrationBins) -> float:
    """Return the plain error less the noise that its bins are expected to add, in [0, 1]."""
    errors = _standard_errors(bins)
    left = max(0.0, float(np.sum(bins.weights * (bins.deviations**2 - errors**2))))
    noise = _expected_noise(math.sqrt(left), errors)
    return max(0.0, plain_error(bins) - float(np.sum(bins.weights * noise)))


def _expected_noise(deviation: float, errors: Numbers) -> Numbers:
    """E|δ + σZ| − |δ| for δ >= 0: the mean of a folded normal draw less its centre."""
    from scipy.special import ndtr

    ratio = deviation / errors
    noise: Numbers = errors * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) - 2 * deviation * ndtr(-ratio)
    return noise


def _measured(bins: CalibrationBins, confidence: float, draws: Numbers) -> Measurement:
    bounds = _error_bounds([bins], (1 - confidence) / 2, draws)
    return Measurement(
        debiased_error(bins),
        int(bins.rows.sum()),
        float(bounds.lower[0]),
        float(bounds.upper[0]),
        confidence,
        METHOD,
    )


def _error_bounds(divided: Sequence[CalibrationBins], tail: float, draws: Numbers) -> Interval:
    """Bounds on the error of each group, each missed with probability `tail` at most; float64 [g]."""
    from scipy.special import ndtri

    plain = np.array([plain_error(one) for one in divided])
    spreads = [one.weights * _standard_errors(one) for one in divided]
    far = float(ndtri(1 - tail)) * np.array([np.sqrt(np.sum(spread**2)) for spread in spreads])
    noise = np.array([_noise_quantile(spread, tail, draws) for spread in spreads])
    values = np.array([debiased_error(one) for one in divided])
    return Interval(np.minimum(np.maximum(0.0, plain - noise), values), np.minimum(plain + far, 1.0))


def _noise_quantile(spread: Numbers, tail: float, draws: Numbers) -> float:
    """What Σ w·σ·|Z| exceeds with probability `tail`: from draws, or too large in closed form where they are few."""
    from scipy.special import ndtri

    if tail * len(draws) >= FEWEST_BEYOND:
        return float(np.quantile(draws[:, : len(spread)] @ spread, 1 - tail))
    return float(np.sqrt(2 / np.pi) * spread.sum() + ndtri(1 - tail) * np.sqrt(np.sum(spread**2)))


def _normal_draws(bins: int, replicates: int, seed: int) -> Numbers:
    """Distances of standard normal draws from 0, float64 [replicates, bins]; the same for every group."""
    draws: Numbers = np.abs(np.random.default_rng(seed).standard_normal((replicates, bins)))
    return draws


def _standard_errors(bins: CalibrationBins) -> Numbers:
    """Standard error of each bin's share; pseudo-counts keep it above zero in bins of one class."""
    z_squared = normal_quantile(0.95) ** 2
    shrunk = (bins.positives + z_squared / 2) / (bins.rows + z_squared)
    errors: Numbers = np.sqrt(shrunk * (1 - shrunk) / bins.rows)
    return errors
