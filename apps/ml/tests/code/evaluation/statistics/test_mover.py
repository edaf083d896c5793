import numpy as np
import pytest

from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference, ratio_of_shares, wilson
from apps.ml.evaluation.statistics.shares.mover import (
    Bounded,
    bounded_shares,
    odds,
    ratio,
    smallest_ratio,
    weighted_sum,
    widest_gap,
)
from apps.ml.evaluation.statistics.shares.rates import GroupShares

SHARES = GroupShares(np.array([30.0, 10.0, 45.0]), np.array([60.0, 50.0, 60.0]))


def one(value: float, lower: float, upper: float) -> Bounded:
    return Bounded(np.array([value]), np.array([lower]), np.array([upper]))


def test_a_weighted_sum_squares_and_adds_the_reaches_that_point_its_way() -> None:
    # .5 · 4 − 2 · 1 = 0; downwards the first reaches .5 · 2 and the second 2 · 3 upwards, upwards .5 · 4 and 2 · 1.
    found = weighted_sum([(0.5, one(4, 2, 8)), (-2.0, one(1, 0, 4))])
    assert found.value[0] == pytest.approx(0.0)
    assert found.lower[0] == pytest.approx(-np.hypot(1, 6))
    assert found.upper[0] == pytest.approx(np.hypot(2, 2))


def test_the_difference_of_two_shares_is_newcombes() -> None:
    a, b = (bounded_shares(GroupShares(np.array([x]), np.array([n])), 0.95) for x, n in ((30.0, 60.0), (10.0, 50.0)))
    found = weighted_sum([(1.0, a), (-1.0, b)])
    expected = newcombe_difference(30, 60, 10, 50, 0.95)
    assert (found.lower[0], found.upper[0]) == (pytest.approx(expected.lower), pytest.approx(expected.upper))


def test_the_ratio_of_two_shares_is_the_mover_ratio() -> None:
    a, b = (bounded_shares(GroupShares(np.array([x]), np.array([n])), 0.95) for x, n in ((30.0, 60.0), (10.0, 50.0)))
    expected = ratio_of_shares(30, 60, 10, 50, 0.95)
    found = ratio(a, b)
    assert (found.lower[0], found.upper[0]) == (pytest.approx(expected.lower), pytest.approx(expected.upper))


def test_odds_carry_the_bounds_of_the_share() -> None:
    found, share = odds(bounded_shares(SHARES, 0.95)), wilson(*SHARES, 0.95)
    assert found.value == pytest.approx([1.0, 0.25, 3.0])
    assert found.upper == pytest.approx(share.upper / (1 - share.upper))


def test_the_widest_gap_of_two_shares_is_the_pairwise_interval() -> None:
    two = GroupShares(SHARES.successes[:2], SHARES.n[:2])
    found = widest_gap(lambda level: bounded_shares(two, level), 0.95, 1.0)
    expected = newcombe_difference(30, 60, 10, 50, 0.95)
    assert (found.value, found.lower, found.upper) == pytest.approx((0.3, expected.lower, expected.upper))
    assert (found.lowest, found.highest) == (1, 0)


def test_the_smallest_ratio_names_its_groups_and_stays_within_its_bounds() -> None:
    found = smallest_ratio(lambda level: bounded_shares(SHARES, level), 0.95)
    assert found.value == pytest.approx(0.2 / 0.75)
    assert (found.lowest, found.highest) == (1, 2)
    assert 0 < found.lower < found.value < found.upper < 1


def test_a_group_with_nothing_has_the_ratio_zero() -> None:
    nothing = GroupShares(np.array([0.0, 20.0]), np.array([50.0, 50.0]))
    found = smallest_ratio(lambda level: odds(bounded_shares(nothing, level)), 0.95)
    assert (found.value, found.lower) == (0.0, 0.0)
    assert 0 < found.upper < 0.5


@pytest.mark.parametrize("rates", [(0.3, 0.3, 0.3), (0.3, 0.5), (0.6, 0.4, 0.4, 0.6)])
def test_the_bounds_of_a_gap_and_a_ratio_of_odds_cover(rates: tuple[float, ...]) -> None:
    true = np.array(rates) / (1 - np.array(rates))
    gap, worst = np.ptp(true), true.min() / true.max()
    hits = np.zeros(2)
    draws = 400
    for successes in np.random.default_rng(0).binomial(200, rates, size=(draws, len(rates))):
        shares = GroupShares(successes.astype(np.float64), np.full(len(rates), 200.0))

        def at(level: float, shares: GroupShares = shares) -> Bounded:
            return odds(bounded_shares(shares, level))

        difference, quotient = widest_gap(at, 0.95, np.inf), smallest_ratio(at, 0.95)
        hits += [difference.lower <= gap <= difference.upper, quotient.lower <= worst <= quotient.upper]
    assert hits.min() / draws >= 0.925
