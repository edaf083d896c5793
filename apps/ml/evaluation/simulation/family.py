"""How often at least one of many gates fails though every group is treated alike: attributes × metrics at once.

One population is crossed by three attributes. Labels and decisions are drawn alike in every cell, so every comparison
of every attribute is at exact parity, while all comparisons share their rows and depend on one another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.shares.extremes import largest_gap, worst_ratio
from apps.ml.evaluation.statistics.shares.rates import RATES, GroupShares
from apps.ml.evaluation.statistics.shares.simultaneous import simultaneous_confidence

Counts = npt.NDArray[np.int64]

ATTRIBUTES = (2, 5, 4)
"""Groups of each attribute; they cross, with equal shares."""

CELLS = (0.48, 0.12, 0.12, 0.28)
"""Probabilities of [label, decision]: base and selection rate .4, true positive rate .7, false positive rate .2."""

METRICS: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity": ("true_positive_rate",),
    "predictive_parity": ("positive_predictive_value",),
}


@dataclass(frozen=True)
class FamilyOutcome:
    """Share of the replicates in which some gate failed, by way of judging.

    `gap_limit` and `ratio_limit` are those of all gates; `members` is their number.
    """

    rows: int
    members: int
    replicates: int
    gap_limit: float
    ratio_limit: float
    plug_in: float
    each_alone: float
    holm: float


def run_family(
    rows: int, replicates: int, seed: int, gap_limit: float, ratio_limit: float, confidence: float = 0.95
) -> FamilyOutcome:
    """Draw populations at parity and judge every metric of every attribute, as a gap and as a ratio.

    Where every hypothesis is true, Holm's procedure rejects one exactly if the smallest p-value is below the level over
    their number; so a gate fails under Holm exactly if one fails at :func:`simultaneous_confidence`.
    """
    generator = np.random.default_rng([seed, rows])
    members = 2 * len(ATTRIBUTES) * len(METRICS)
    crossed = np.prod(ATTRIBUTES)
    strict = simultaneous_confidence(confidence, members)
    failed = np.zeros((replicates, 3))
    for at in range(replicates):
        population = generator.multinomial(rows, np.tile(CELLS, crossed) / crossed).reshape(*ATTRIBUTES, 2, 2)
        crossings = product(range(len(ATTRIBUTES)), METRICS.values())
        comparisons = [_shares(population, attribute, rates) for attribute, rates in crossings]
        failed[at] = [_any_fails(comparisons, level, gap_limit, ratio_limit) for level in (None, confidence, strict)]
    return FamilyOutcome(rows, members, replicates, gap_limit, ratio_limit, *map(float, failed.mean(axis=0)))


def _shares(population: Counts, attribute: int, rates: tuple[str, ...]) -> list[GroupShares]:
    others = tuple(axis for axis in range(len(ATTRIBUTES)) if axis != attribute)
    table = population.sum(axis=others)
    shares = [RATES[name].counts(table) for name in rates]
    return [GroupShares(above.astype(np.float64), below.astype(np.float64)) for above, below in shares]


def _any_fails(
    comparisons: list[list[GroupShares]], confidence: float | None, gap_limit: float, ratio_limit: float
) -> bool:
    """Whether a gate fails at a confidence; at None the estimates themselves are held against the limits."""
    if confidence is None:
        return any(
            np.ptp(rate.rates) > gap_limit or rate.rates.min() / rate.rates.max() < ratio_limit
            for rates in comparisons
            for rate in rates
        )
    return any(
        largest_gap(rates, confidence).lower > gap_limit or worst_ratio(rates, confidence).upper < ratio_limit
        for rates in comparisons
    )
