"""Four ways from counts to an interval of the largest gap and of the worst ratio.

Each takes successes int64 [r, g] of r drawn tables and rows int64 [g], and returns bounds [r]. A ratio is undefined
(NaN) where no group has a success.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.shares.contrasts import Contrasts, differences, log_ratios
from apps.ml.evaluation.statistics.shares.extremes import largest_gap, worst_ratio
from apps.ml.evaluation.statistics.shares.intervals import normal_quantile
from apps.ml.evaluation.statistics.shares.rates import GroupShares

Counts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

BOOTSTRAP_REPLICATES = 200
"""Tables drawn per interval; enough for the 2.5th and 97.5th percentile to within their own noise."""

DRAWS_AT_ONCE = 4_000_000
"""Cells drawn at once, so that memory stays below a hundred megabytes."""


class Bounds(NamedTuple):
    """Bounds of the gap and of the ratio, [r] each; equal bounds where a method has only an estimate."""

    gap_lower: Numbers
    gap_upper: Numbers
    ratio_lower: Numbers
    ratio_upper: Numbers


Method = Callable[[Counts, Counts, float, np.random.Generator], Bounds]


def test_inversion(successes: Counts, rows: Counts, confidence: float, generator: np.random.Generator) -> Bounds:
    """Bound by :mod:`apps.ml.evaluation.statistics.shares.extremes`: what the gates use."""
    del generator
    found = np.full((len(successes), 4), np.nan)
    for at, counts in enumerate(successes):
        shares = GroupShares(counts.astype(np.float64), rows.astype(np.float64))
        found[at, :2] = largest_gap([shares], confidence)[1:3]
        if counts.any():
            found[at, 2:] = worst_ratio([shares], confidence)[1:3]
    return Bounds(*found.T)


def bonferroni(successes: Counts, rows: Counts, confidence: float, generator: np.random.Generator) -> Bounds:
    """Bound by pairwise intervals, the side that a FAIL rests on widened by Bonferroni over all pairs."""
    del generator
    pairs = len(rows) * (len(rows) - 1) // 2
    z = np.array([normal_quantile(confidence), normal_quantile(1 - (1 - confidence) / pairs)])
    found = np.full((len(successes), 4), np.nan)
    for at, counts in enumerate(successes):
        shares = GroupShares(counts.astype(np.float64), rows.astype(np.float64))
        found[at, :2] = _widened(differences(shares), z)
        if counts.any():
            found[at, 3], found[at, 2] = np.exp(-np.maximum(_widened(log_ratios(shares), z), 0.0))
    return Bounds(np.maximum(found[:, 0], 0.0), *found.T[1:])


def _widened(contrasts: Contrasts, z: Numbers) -> tuple[float, float]:
    bounds = contrasts.intervals(z)
    return float(bounds.lower[1].max()), float(bounds.upper[0].max())


def plug_in(successes: Counts, rows: Counts, confidence: float, generator: np.random.Generator) -> Bounds:
    """Return the estimates as if they were the truth."""
    del confidence, generator
    gap, ratio = _extremes(successes / rows)
    return Bounds(gap, gap, ratio, ratio)


def percentile_bootstrap(successes: Counts, rows: Counts, confidence: float, generator: np.random.Generator) -> Bounds:
    """Bound by percentiles of the gap and the ratio of tables drawn anew, as fairlearn's MetricFrame does.

    fairlearn draws rows with replacement, computes the metric frame of each draw and takes quantiles. Drawing n rows
    with replacement and counting them by group and decision *is* one multinomial draw over those cells, group sizes
    included; a group that vanishes from a draw has no rate in it. A draw without any success counts as a ratio of 1.
    """
    quantiles = [0.5 - confidence / 2, 0.5 + confidence / 2]
    cells = np.stack([successes, rows - successes], axis=2).reshape(len(successes), -1)
    at_once = max(1, DRAWS_AT_ONCE // (BOOTSTRAP_REPLICATES * cells.shape[1]))
    parts = []
    for start in range(0, len(cells), at_once):
        drawn = redrawn(cells[start : start + at_once], BOOTSTRAP_REPLICATES, generator)
        gaps, ratios = _extremes(shares_of_cells(drawn))
        ratios = np.nan_to_num(ratios, nan=1.0)
        parts.append([*np.quantile(gaps, quantiles, axis=0), *np.quantile(ratios, quantiles, axis=0)])
    found = np.concatenate(parts, axis=1)
    found[2:, ~successes.any(axis=1)] = np.nan
    return Bounds(*found)


def redrawn(cells: Counts, replicates: int, generator: np.random.Generator) -> Counts:
    """Draw tables of counts anew, [replicates, r, cells], from counts [r, cells]; each keeps its number of rows."""
    total = cells.sum(axis=1)
    return generator.multinomial(total, cells / total[:, None], size=(replicates, len(cells)))


def shares_of_cells(cells: Counts) -> Numbers:
    """Return the share of successes per group, [..., g], of counts [..., 2g]; NaN for a group without rows."""
    pairs = cells.reshape(*cells.shape[:-1], -1, 2)
    rows = pairs.sum(axis=-1)
    return np.divide(pairs[..., 0], rows, out=np.full(rows.shape, np.nan), where=rows > 0)


def _extremes(shares: Numbers) -> tuple[Numbers, Numbers]:
    """Largest gap and worst ratio over the last axis; the ratio is NaN where every share is 0."""
    low, high = np.nanmin(shares, axis=-1), np.nanmax(shares, axis=-1)
    return high - low, np.divide(low, high, out=np.full(low.shape, np.nan), where=high > 0)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "test inversion": test_inversion,
        "Bonferroni": bonferroni,
        "percentile bootstrap": percentile_bootstrap,
        "plug-in": plug_in,
    }
)
"""Method by name, ours first."""
