from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.statistics.extremes import GroupShares, largest_gap, worst_ratio
from apps.ml.evaluation.statistics.intervals import newcombe_difference, ratio_of_shares

GROUP = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def shares(*groups: tuple[int, int]) -> GroupShares:
    successes, n = zip(*groups, strict=True)
    return GroupShares(np.array(successes), np.array(n))


def test_two_groups_have_the_ordinary_pairwise_interval() -> None:
    rate = shares((56, 70), (48, 80))
    gap, ratio = largest_gap([rate], 0.95), worst_ratio([rate], 0.95)
    assert gap == pytest.approx((0.2, *map(float, newcombe_difference(56, 70, 48, 80, 0.95))))
    bounds = ratio_of_shares(48, 80, 56, 70, 0.95)
    assert ratio == pytest.approx((0.75, *map(float, bounds)))


def test_more_groups_lower_the_lower_bound_of_the_gap_and_not_the_upper() -> None:
    pair = shares((560, 700), (480, 800))
    crowd = shares((560, 700), (480, 800), (560, 800), (560, 800))
    assert largest_gap([crowd], 0.95).lower < largest_gap([pair], 0.95).lower
    assert largest_gap([crowd], 0.95).upper == largest_gap([pair], 0.95).upper


def test_the_worst_of_two_rates_is_reported() -> None:
    near, far = shares((50, 100), (52, 100)), shares((20, 100), (60, 100))
    assert largest_gap([near, far], 0.95).value == pytest.approx(0.4)
    assert worst_ratio([near, far], 0.95).value == pytest.approx(1 / 3)
    assert largest_gap([near, far], 0.95).lower < largest_gap([far], 0.95).lower


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
    assert largest_gap([shares(*groups)], 0.95) == largest_gap([shares(*shuffled)], 0.95)


SETTINGS = [
    pytest.param([0.3] * 5, [100] * 5, id="parity of five"),
    pytest.param([0.3] * 20, [100] * 20, id="parity of twenty"),
    pytest.param([0.3, 0.45], [1000, 1000], id="one gap"),
    pytest.param([0.3] * 3 + [0.45] * 3, [500] * 6, id="two clusters"),
    pytest.param([0.3, 0.35, 0.4, 0.45], [300] * 4, id="a ladder"),
    pytest.param([0.3, 0.3, 0.36], [3000, 30, 3000], id="a small group between"),
    pytest.param([0.95, 0.95, 0.8], [50] * 3, id="near one"),
]


@pytest.mark.parametrize(("truth", "n"), SETTINGS)
def test_intervals_cover_the_true_gap_and_ratio(truth: list[float], n: list[int]) -> None:
    replicates = 400
    generator = np.random.default_rng(11)
    gap, ratio = max(truth) - min(truth), min(truth) / max(truth)
    covered = np.zeros(2)
    for _ in range(replicates):
        rate = GroupShares(generator.binomial(n, truth), np.array(n))
        for position, (measured, true) in enumerate(
            ((largest_gap([rate], 0.95), gap), (worst_ratio([rate], 0.95), ratio))
        ):
            covered[position] += measured.lower <= true + 1e-12 and true - 1e-12 <= measured.upper
    # Three standard errors of a simulated share of .95 are .033.
    assert (covered / replicates > 0.95 - 0.033).all()


def test_a_percentile_bootstrap_would_not_cover_parity() -> None:
    # Why the intervals are made of pairs: the bootstrapped largest gap never reaches 0.
    generator = np.random.default_rng(5)
    drawn = generator.binomial(100, generator.binomial(100, 0.3, size=5) / 100, size=(1000, 5)) / 100
    assert np.quantile(np.ptp(drawn, axis=1), 0.025) > 0
