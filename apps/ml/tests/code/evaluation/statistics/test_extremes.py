from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.statistics.shares.extremes import (
    gap_p_value,
    largest_gap,
    ratio_p_value,
    worst_ratio,
)
from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference, ratio_of_shares
from apps.ml.evaluation.statistics.shares.rates import GroupShares

GROUP = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def shares(*groups: tuple[float, float]) -> GroupShares:
    successes, n = zip(*groups, strict=True)
    return GroupShares(np.array(successes, dtype=float), np.array(n, dtype=float))


def bonferroni_gap(rate: GroupShares) -> float:
    """The obvious second way: every pair's interval, widened for the number of pairs."""
    pairs = [(i, j) for i in range(len(rate.n)) for j in range(len(rate.n)) if i != j]
    confidence = 1 - 0.05 / (len(pairs) / 2)
    of_pair = [
        float(newcombe_difference(rate.successes[i], rate.n[i], rate.successes[j], rate.n[j], confidence).lower)
        for i, j in pairs
    ]
    return max(0.0, *of_pair)


def test_two_groups_have_the_ordinary_pairwise_interval() -> None:
    rate = shares((56, 70), (48, 80))
    gap, ratio = largest_gap([rate], 0.95), worst_ratio([rate], 0.95)
    assert gap == pytest.approx((0.2, *map(float, newcombe_difference(56, 70, 48, 80, 0.95)), 0, 1, 0))
    bounds = ratio_of_shares(48, 80, 56, 70, 0.95)
    assert ratio == pytest.approx((0.75, *map(float, bounds), 0, 1, 0))


def test_more_groups_lower_the_lower_bound_of_the_gap_and_not_the_upper() -> None:
    pair = shares((560, 700), (480, 800))
    crowd = shares((560, 700), (480, 800), (560, 800), (560, 800))
    assert largest_gap([crowd], 0.95).lower < largest_gap([pair], 0.95).lower
    assert largest_gap([crowd], 0.95).upper == largest_gap([pair], 0.95).upper


def test_the_bound_a_fail_rests_on_is_sharper_than_bonferroni_once_a_group_stands_apart() -> None:
    for groups in (3, 5, 20):
        rate = shares(*[(300, 1000)] * (groups - 1), (450, 1000))
        assert largest_gap([rate], 0.95).lower > bonferroni_gap(rate) + 0.006


def test_a_group_that_cannot_be_the_worst_costs_nothing() -> None:
    apart = [(3000, 10_000), (6000, 10_000)]
    between = [(4500, 10_000)] * 10
    alone = largest_gap([shares(*apart)], 0.95).lower
    # Ten groups in between cannot reach the largest gap; what is left is the price of finding that out.
    assert largest_gap([shares(*apart, *between)], 0.95).lower == pytest.approx(alone, abs=0.002)


def test_the_worst_of_two_rates_is_reported_with_its_position_and_groups() -> None:
    near, far = shares((50, 100), (52, 100), (51, 100)), shares((40, 100), (60, 100), (20, 100))
    gap, ratio = largest_gap([near, far], 0.95), worst_ratio([near, far], 0.95)
    assert gap.value == pytest.approx(0.4)
    assert ratio.value == pytest.approx(1 / 3)
    for found in (gap, ratio):
        assert (found.rate, found.lowest, found.highest) == (1, 2, 1)
    assert gap.lower <= largest_gap([far], 0.95).lower


@settings(max_examples=50, deadline=None)
@given(st.lists(GROUP, min_size=2, max_size=6))
def test_bounds_hold_the_estimate_and_stay_between_zero_and_one(groups: list[tuple[int, int]]) -> None:
    rate = shares(*groups)
    measured = [largest_gap([rate], 0.95)]
    if rate.successes.any():
        measured.append(worst_ratio([rate], 0.95))
    for bounded in measured:
        assert 0 <= bounded.lower <= bounded.value <= bounded.upper <= 1


@settings(max_examples=50, deadline=None)
@given(st.lists(GROUP, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_groups_does_not_matter(groups: list[tuple[int, int]], random: Random) -> None:
    shuffled = list(groups)
    random.shuffle(shuffled)
    one, other = largest_gap([shares(*groups)], 0.95), largest_gap([shares(*shuffled)], 0.95)
    assert one[:3] == pytest.approx(other[:3], abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(GROUP, min_size=2, max_size=5))
def test_more_confidence_never_shortens_the_interval(groups: list[tuple[int, int]]) -> None:
    narrow, wide = (largest_gap([shares(*groups)], confidence) for confidence in (0.9, 0.99))
    assert wide.lower <= narrow.lower
    assert wide.upper >= narrow.upper


def test_doubling_every_count_shortens_the_interval() -> None:
    once = shares((30, 100), (32, 100), (48, 100))
    twice = shares((60, 200), (64, 200), (96, 200))
    assert largest_gap([twice], 0.95).lower > largest_gap([once], 0.95).lower
    assert worst_ratio([twice], 0.95).upper < worst_ratio([once], 0.95).upper


def test_nobody_and_everybody_and_fractions_have_bounds() -> None:
    for groups in ([(0, 20), (0, 30), (5, 40)], [(20, 20), (30, 30), (0, 10)], [(0.4, 3.2), (7.7, 12.5), (0, 1)]):
        for found in (largest_gap([shares(*groups)], 0.95), worst_ratio([shares(*groups)], 0.95)):
            assert np.isfinite(found[:3]).all()
    assert worst_ratio([shares((0, 20), (0, 30), (5, 40))], 0.95).lower == 0
    assert largest_gap([shares((0, 20), (0, 30), (0, 40))], 0.95)[:2] == (0, 0)


@pytest.mark.parametrize("groups", [[(30, 100), (55, 100)], [(30, 100), (28, 90), (55, 100), (33, 100)]])
@pytest.mark.parametrize("limit", [0.0, 0.05, 0.1])
def test_the_p_value_is_where_the_bound_crosses_the_limit(groups: list[tuple[int, int]], limit: float) -> None:
    rate = shares(*groups)
    p = gap_p_value([rate], limit)
    assert largest_gap([rate], 1 - 1.01 * p).lower > limit
    assert largest_gap([rate], 1 - 0.99 * p).lower <= limit + 1e-9
    q = ratio_p_value([rate], 0.8)
    assert worst_ratio([rate], 1 - 1.01 * q).upper < 0.8
    assert worst_ratio([rate], 1 - 0.98 * q).upper >= 0.8


def test_an_estimate_within_the_limit_has_a_p_value_of_one_and_a_plain_breach_one_of_almost_nothing() -> None:
    near, far = shares((30, 100), (32, 100), (31, 100)), shares((300, 1000), (900, 1000), (310, 1000))
    assert gap_p_value([near], 0.1) == ratio_p_value([near], 0.8) == 1.0
    assert gap_p_value([far], 0.1) == ratio_p_value([far], 0.8) == 1e-12


SETTINGS = [
    pytest.param([0.3] * 5, [100] * 5, id="parity of five"),
    pytest.param([0.3] * 20, [100] * 20, id="parity of twenty"),
    pytest.param([0.3, 0.45], [1000, 1000], id="one gap"),
    pytest.param([0.3, 0.3, 0.45], [1000] * 3, id="two pairs at the gap"),
    pytest.param([0.3, 0.3, 0.3, 0.3, 0.45], [1000] * 5, id="one apart"),
    pytest.param([0.3] * 3 + [0.45] * 3, [500] * 6, id="two clusters"),
    pytest.param([0.3, 0.35, 0.4, 0.45], [300] * 4, id="a ladder"),
    pytest.param([0.3, 0.32, 0.45], [1000] * 3, id="a second pair close behind"),
    pytest.param([0.3, 0.3, 0.36], [3000, 30, 3000], id="a small group between"),
    pytest.param([0.3, 0.3, 0.4], [5000, 200, 5000], id="a small group at the gap"),
    pytest.param([0.95, 0.95, 0.8], [50] * 3, id="near one"),
    pytest.param([0.02] * 5, [50] * 5, id="rare"),
]


@pytest.mark.parametrize(("truth", "n"), SETTINGS)
def test_intervals_cover_the_true_gap_and_ratio(truth: list[float], n: list[int]) -> None:
    replicates = 150
    generator = np.random.default_rng(11)
    gap, ratio = max(truth) - min(truth), min(truth) / max(truth)
    covered = np.zeros((replicates, 2))
    for at in range(replicates):
        rate = GroupShares(generator.binomial(n, truth).astype(float), np.array(n, dtype=float))
        found = [(largest_gap([rate], 0.95), gap)]
        found += [(worst_ratio([rate], 0.95), ratio)] if rate.successes.any() else [(found[0][0], gap)]
        covered[at] = [bound.lower <= true + 1e-12 and true - 1e-12 <= bound.upper for bound, true in found]
    # Three standard errors of a simulated share of .95 are .053.
    assert (covered.mean(axis=0) > 0.95 - 0.053).all()


def test_two_rates_of_different_rows_are_one_family_that_covers() -> None:
    generator = np.random.default_rng(3)
    n = np.full(3, 400.0)
    missed = 0
    for _ in range(300):
        rates = [GroupShares(generator.binomial(400, share, size=3).astype(float), n) for share in (0.3, 0.6)]
        missed += largest_gap(rates, 0.95).lower > 0
    assert missed / 300 < 0.05 + 0.038


def test_a_percentile_bootstrap_would_not_cover_parity() -> None:
    # Why the intervals are made of pairs: the bootstrapped largest gap never reaches 0.
    generator = np.random.default_rng(5)
    drawn = generator.binomial(100, generator.binomial(100, 0.3, size=5) / 100, size=(1000, 5)) / 100
    assert np.quantile(np.ptp(drawn, axis=1), 0.025) > 0
