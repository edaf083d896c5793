"""Areas between the ROC curves of groups, with bounds that hold where the curves are the same.

Curves are those of a score table, piecewise linear between the borders of steps. Turned by 45°, with u = FPR + TPR and
v = TPR − FPR, a curve has no vertical part, and the area between two is ½ ∫ |v₁ − v₂| du. It is integrated exactly for
every pair that can be the largest; the others are read at evenly spaced points, which bounds it from both sides.

Interval
--------
ABROCA is above 0 at parity, because noise never cancels in it, so percentiles of a bootstrap never reach 0. With D the
true difference of two curves, D̂ the observed one, G = D̂ − D and θ = ∫|D|:

- *upper bound*: θ exceeds ∫|D̂| by at most −∫ sign(D)·G, whose variance is at most that of ∫ G, the difference of the
  two areas: the noise of an ROC curve is nowhere negatively correlated with itself. DeLong's variance serves.
- *lower bound*: ∫|D̂| exceeds θ by at most ∫|G|, which for normal G exceeds its mean √(2/π) ∫ sd(G) by more than z
  standard deviations of ∫ G with a probability of at most 1 − Φ(z). The standard deviation of the curve at each false
  positive rate comes from seeded multinomial draws over the steps, stratified by group and label. As the area also
  is at least the difference of the areas under the curves, so is its lower bound; each of the two bounds errs with
  half of the probability.

Over several groups the lower bound is Bonferroni over pairs and the upper is not, as in
:mod:`apps.ml.evaluation.statistics.shares.pairwise_gaps`. Rows within one step may hide as much as for the areas under
the curves; both bounds are widened by it.

Simulated at 95 % with 2 to 20 groups of 30 to 500 rows of a class, curves alike, apart or crossing: the lower bound
misses in up to 2 % of cases, the upper one in up to 1 %.

References
----------
Hsieh and Turnbull (1996), Nonparametric and semiparametric estimation of the receiver operating characteristic curve,
Annals of Statistics 24 (the limit of G). Cirel'son, Ibragimov and Sudakov (1976), Norms of Gaussian sample functions,
Lecture Notes in Mathematics 550 (the tail beyond the median); Kwapień (1994), A remark on the median and the
expectation of convex functions of Gaussian vectors, Progress in Probability 35 (the median is at most the mean).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.scores.group_areas import GroupAreas, area_bounds
from apps.ml.evaluation.statistics.shares.intervals import Interval, normal_quantile
from apps.ml.evaluation.statistics.shares.pairwise_gaps import pairwise_confidence, square_and_add

Numbers = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]

MOST_PARTS, FEWEST_PARTS = 1000, 100
"""Parts into which [0, 2], the range of u, is divided to read curves that need not be integrated exactly: for few
groups and for many, whose pairs would take long."""

NOISE_STEPS = 50
"""Parts of equal mass into which the steps of a group are drawn together for the noise of its curve."""

NOISE_DRAWS = 100
"""Draws from which the standard deviation of a curve is told at most; it needs fewer than a quantile."""

NOISE_POINTS = 50
"""False positive rates at which the standard deviation of a curve is told."""


class Curve(NamedTuple):
    """A curve turned by 45°: u ascending from 0 to 2, and v; float64 [k]."""

    u: Numbers
    v: Numbers


class PairAreas(NamedTuple):
    """Area between the curves of every pair, float64 [p], and by how much it may be wrong."""

    first: Positions
    second: Positions
    value: Numbers
    slack: Numbers


def turned_curve(rows: npt.NDArray[np.int64]) -> Curve:
    """Turn the ROC curve of one group's steps, int64 [2, b]."""
    occupied = rows[:, rows.any(axis=0)][:, ::-1]
    negative, positive = np.cumsum(np.pad(occupied, ((0, 0), (1, 0))), axis=1) / occupied.sum(axis=1, keepdims=True)
    return Curve(negative + positive, positive - negative)


def area_between(one: Curve, other: Curve) -> float:
    """Integrate the area between two turned curves exactly, split where they cross."""
    u = np.union1d(one.u, other.u)
    apart = np.interp(u, one.u, one.v) - np.interp(u, other.u, other.v)
    return float(_integral(np.diff(u), apart[None])[0])


def _integral(widths: Numbers, apart: Numbers) -> Numbers:
    """½ ∫ |d| of piecewise linear d, given at the ends [p, k + 1] of parts of `widths` [k]."""
    left, right = np.abs(apart[:, :-1]), np.abs(apart[:, 1:])
    both = left + right
    crossing = apart[:, :-1] * apart[:, 1:] < 0
    # A part in which d changes sign is two triangles.
    mean = np.where(crossing, (left**2 + right**2) / np.where(both > 0, both, 1.0), both) / 2
    area: Numbers = mean @ widths / 2
    return area


def pair_areas(curves: Sequence[Curve]) -> PairAreas:
    """Measure the area between the curves of every pair of groups; exact (slack 0) where it can be the largest."""
    parts = int(np.clip(40 * MOST_PARTS // len(curves), FEWEST_PARTS, MOST_PARTS))
    # |v₁ − v₂| changes by at most 2 per unit of u, so an area that was read is wrong by at most this.
    error = 1.0 / parts
    u = np.linspace(0.0, 2.0, parts + 1)
    read = np.stack([np.interp(u, curve.u, curve.v) for curve in curves])
    first, second = np.triu_indices(len(curves), k=1)
    widths = np.diff(u)
    # Group by group, so that memory grows with the groups and not with the pairs.
    value = np.concatenate([_integral(widths, read[at] - read[at + 1 :]) for at in range(len(curves) - 1)])
    slack = np.full(len(value), error)
    for at in np.flatnonzero(value >= value.max() - 2 * error):
        value[at] = area_between(curves[first[at]], curves[second[at]])
        slack[at] = 0.0
    return PairAreas(first, second, value, slack)


def pair_area_bounds(pairs: PairAreas, areas: GroupAreas, deviations: Numbers, confidence: float) -> Interval:
    """Bounds on the area between the curves of every pair: below for all pairs at once, above for each."""
    first, second = pairs.first, pairs.second
    hidden = pairs.slack + areas.resolution[first] + areas.resolution[second]
    upper = pairs.value + hidden + _area_noise(areas, first, second, confidence)
    # Two bounds below, each with half of the error.
    level = 1 - (1 - pairwise_confidence(len(areas.value), confidence)) / 2
    by_curves = pairs.value - _mean_noise(deviations) - _area_noise(areas, first, second, level)
    gaps = square_and_add(areas.value, area_bounds(areas, level), first, second)
    by_areas = np.maximum(gaps.lower, -gaps.upper)
    return Interval(np.maximum(by_curves, by_areas) - hidden, upper)


def _mean_noise(deviations: Numbers) -> Numbers:
    """Mean of ∫ |G| for every pair, float64 [p]."""
    groups = range(len(deviations) - 1)
    both = [np.hypot(deviations[at], deviations[at + 1 :]).mean(axis=1) for at in groups]
    noise: Numbers = np.sqrt(2 / np.pi) * np.concatenate(both)
    return noise


def _area_noise(areas: GroupAreas, first: Positions, second: Positions, confidence: float) -> Numbers:
    """How far the difference of two areas may be off; where DeLong's variance is unusable, from the interval."""
    bounds = area_bounds(areas, confidence)
    half = np.where(
        areas.regular,
        normal_quantile(confidence) * np.sqrt(areas.variance),
        np.maximum(areas.value - bounds.lower, bounds.upper - areas.value),
    )
    noise: Numbers = np.hypot(half[first], half[second])
    return noise


def curve_deviations(table: ScoreTable, replicates: int, seed: int) -> Numbers:
    """Tell the standard deviation of each group's curve at evenly spaced false positive rates.

    Returns
    -------
    float64 [g, NOISE_POINTS]
        From `replicates` seeded draws, at most :data:`NOISE_DRAWS`.
    """
    draws = min(replicates, NOISE_DRAWS)
    return np.stack([_curve_deviation(rows, draws, np.random.default_rng(seed)) for rows in table.rows])


def _curve_deviation(rows: npt.NDArray[np.int64], draws: int, generator: np.random.Generator) -> Numbers:
    occupied = rows[:, rows.any(axis=0)][:, ::-1]
    reached = np.cumsum(occupied.sum(axis=0))
    part = (reached - 1) * NOISE_STEPS // reached[-1]
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    negative, positive = np.add.reduceat(occupied, starts, axis=1)
    n, m = int(negative.sum()), int(positive.sum())
    alarms = np.cumsum(generator.multinomial(n, negative / n, size=draws), axis=1) / n
    hits = np.cumsum(generator.multinomial(m, positive / m, size=draws), axis=1) / m
    at = (np.arange(NOISE_POINTS) + 0.5) / NOISE_POINTS
    start = np.zeros(1)
    curves = np.stack(
        [np.interp(at, np.append(start, x), np.append(start, y)) for x, y in zip(alarms, hits, strict=True)]
    )
    deviation: Numbers = curves.std(axis=0, ddof=1)
    return deviation
