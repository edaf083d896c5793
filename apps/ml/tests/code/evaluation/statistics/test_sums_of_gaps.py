import itertools
import math

import numpy as np
import pytest

from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference, ratio_of_shares
from apps.ml.evaluation.statistics.shares.rates import GroupShares
from apps.ml.evaluation.statistics.shares.sums_of_gaps import sum_of_gaps, sum_of_ratios


def shares(*counts: tuple[int, int]) -> GroupShares:
    return GroupShares(*np.array(counts, dtype=np.float64).T)


def slow_bounds_of_gaps(one: GroupShares, other: GroupShares, confidence: float) -> tuple[float, float]:
    """Every pair of groups for each rate, one after the other."""
    pairs = list(itertools.permutations(range(len(one.n)), 2))
    widened = 1 - (1 - confidence) / (2 * (len(pairs) // 2) ** 2)
    lower, upper = -math.inf, -math.inf
    for level in (confidence, widened):
        for first in pairs:
            for second in pairs:
                value, below, above = 0.0, 0.0, 0.0
                for rate, (i, j) in ((one, first), (other, second)):
                    x, n = rate
                    bounds = newcombe_difference(x[i], n[i], x[j], n[j], level)
                    gap = x[i] / n[i] - x[j] / n[j]
                    value += gap
                    below += (gap - float(bounds.lower)) ** 2
                    above += (float(bounds.upper) - gap) ** 2
                if level == confidence:
                    upper = max(upper, value + math.sqrt(above))
                else:
                    lower = max(lower, value - math.sqrt(below))
    return lower, upper


def test_the_sum_is_that_of_the_two_largest_gaps() -> None:
    found = sum_of_gaps(shares((30, 60), (10, 50)), shares((5, 50), (20, 50)), 0.95)
    assert found.value == pytest.approx(0.3 + 0.3)
    assert 0 < found.lower < 0.6 < found.upper


@pytest.mark.parametrize("seed", range(4))
def test_bounds_are_those_of_every_pair_one_after_the_other(seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = (
        GroupShares(generator.binomial(n, 0.3 + 0.1 * seed).astype(np.float64), n.astype(np.float64))
        for n in generator.integers(30, 200, size=(2, 4))
    )
    found = sum_of_gaps(one, other, 0.95)
    lower, upper = slow_bounds_of_gaps(one, other, 0.95)
    assert found.lower == pytest.approx(max(0.0, lower))
    assert found.upper == pytest.approx(upper)


def test_the_sum_of_two_ratios_has_pairwise_bounds_for_two_groups() -> None:
    one, other = shares((30, 60), (10, 50)), shares((5, 50), (20, 50))
    found = sum_of_ratios(one, other, 0.95)
    assert found.value == pytest.approx(0.4 + 0.25)
    a, b = ratio_of_shares(10, 50, 30, 60, 0.95), ratio_of_shares(5, 50, 20, 50, 0.95)
    assert found.lower == pytest.approx(0.65 - math.hypot(0.4 - float(a.lower), 0.25 - float(b.lower)))
    wide = 1 - 0.05 / 2
    a, b = ratio_of_shares(10, 50, 30, 60, wide), ratio_of_shares(5, 50, 20, 50, wide)
    assert found.upper == pytest.approx(0.65 + math.hypot(float(a.upper) - 0.4, float(b.upper) - 0.25))


def test_groups_with_nothing_make_the_ratio_zero_and_leave_it_bounded() -> None:
    found = sum_of_ratios(shares((0, 60), (10, 50), (0, 40)), shares((0, 50), (20, 50), (5, 50)), 0.95)
    assert (found.value, found.lower) == (0.0, 0.0)
    assert 0 < found.upper < 1


@pytest.mark.parametrize(
    ("one", "other"), [((0.3, 0.3, 0.3), (0.1, 0.1, 0.1)), ((0.3, 0.5), (0.1, 0.1)), ((0.3, 0.5, 0.4), (0.2, 0.1, 0.2))]
)
def test_bounds_cover_the_true_sum(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    generator = np.random.default_rng(0)
    gaps = np.ptp(one) + np.ptp(other)
    ratios = min(one) / max(one) + min(other) / max(other)
    draws, hits = 400, np.zeros(2)
    rows = np.full(len(one), 150.0)
    for first, second in zip(
        generator.binomial(150, one, size=(draws, len(one))),
        generator.binomial(150, other, size=(draws, len(one))),
        strict=True,
    ):
        parts = GroupShares(first.astype(np.float64), rows), GroupShares(second.astype(np.float64), rows)
        gap, ratio = sum_of_gaps(*parts, 0.95), sum_of_ratios(*parts, 0.95)
        hits += [gap.lower <= gaps <= gap.upper, ratio.lower <= ratios <= ratio.upper]
    assert hits.min() / draws >= 0.925
