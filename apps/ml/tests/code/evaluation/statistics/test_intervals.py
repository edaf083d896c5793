"""Intervals are checked against SciPy, published numbers and exact coverage (sums over binomial probabilities)."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from apps.ml.evaluation.statistics.shares.intervals import (
    Interval,
    clopper_pearson,
    newcombe_difference,
    normal_quantile,
    ratio_of_shares,
    resample_counts,
    wilson,
)

SHARES = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=50, deadline=None)
@given(SHARES, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_and_clopper_pearson_are_those_of_scipy(share: tuple[int, int], confidence: float) -> None:
    test = binomtest(*share)
    score, exact = test.proportion_ci(confidence, method="wilson"), test.proportion_ci(confidence, method="exact")
    assert np.allclose(wilson(*share, confidence), (score.low, score.high), atol=1e-12)
    assert np.allclose(clopper_pearson(*share, confidence), (exact.low, exact.high), atol=1e-12)


def test_bounds_of_nobody_and_everybody_are_exact() -> None:
    for interval in (wilson, clopper_pearson):
        assert float(interval(0, 7, 0.95).lower) == 0.0
        assert float(interval(7, 7, 0.95).upper) == 1.0
        assert 0.3 < float(interval(0, 7, 0.95).upper) < 0.5


def test_newcombe_gives_the_published_intervals() -> None:
    # Newcombe (1998), table II, method 10: 56/70 − 48/80, 9/10 − 3/10, 10/10 − 0/10 and 0/20 − 0/10.
    published = {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (10, 10, 0, 10): (0.6075, 1.0),
        (0, 20, 0, 10): (-0.2775, 0.1611),
    }
    for counts, expected in published.items():
        assert np.allclose(newcombe_difference(*counts, 0.95), expected, atol=5e-5)


@settings(max_examples=50, deadline=None)
@given(SHARES, SHARES)
def test_differences_and_ratios_turn_around_with_their_groups(a: tuple[int, int], b: tuple[int, int]) -> None:
    there, back = newcombe_difference(*a, *b, 0.95), newcombe_difference(*b, *a, 0.95)
    assert np.allclose([there.lower, there.upper], [-back.upper, -back.lower], atol=1e-12)
    ratio, inverse = ratio_of_shares(*a, *b, 0.95), ratio_of_shares(*b, *a, 0.95)
    with np.errstate(divide="ignore"):
        assert np.allclose([ratio.lower, ratio.upper], [1 / inverse.upper, 1 / inverse.lower], rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(SHARES, SHARES)
def test_estimates_lie_within_their_bounds(a: tuple[int, int], b: tuple[int, int]) -> None:
    p, q = a[0] / a[1], b[0] / b[1]
    difference, ratio = newcombe_difference(*a, *b, 0.95), ratio_of_shares(*a, *b, 0.95)
    assert -1 - 1e-12 <= difference.lower <= p - q <= difference.upper <= 1 + 1e-12
    assert ratio.lower >= 0
    if q > 0:
        assert ratio.lower <= p / q * (1 + 1e-12)
        assert ratio.upper >= p / q * (1 - 1e-12)


def test_a_ratio_over_nobody_has_no_upper_bound() -> None:
    interval = ratio_of_shares(5, 20, 0, 20, 0.95)
    assert 0 < interval.lower < np.inf
    assert interval.upper == np.inf
    assert ratio_of_shares(0, 20, 5, 20, 0.95).lower == 0
    assert tuple(map(float, ratio_of_shares(0, 20, 0, 20, 0.95))) == (0.0, np.inf)


def exact_coverage(
    interval: Callable[..., Interval], truth: float, n: tuple[int, int], shares: tuple[float, float]
) -> float:
    """Probability that the interval holds the truth, summed over every possible pair of counts."""
    a, b = np.arange(n[0] + 1)[:, None], np.arange(n[1] + 1)[None, :]
    weight = binom.pmf(a, n[0], shares[0]) * binom.pmf(b, n[1], shares[1])
    bounds = interval(a, n[0], b, n[1], 0.95)
    return float(np.sum(weight * ((bounds.lower <= truth + 1e-12) & (truth - 1e-12 <= bounds.upper))))


@pytest.mark.parametrize("n", [(30, 30), (30, 300), (300, 30), (100, 400)])
@pytest.mark.parametrize("q", [0.02, 0.1, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0])
def test_pairwise_intervals_cover_about_as_often_as_they_say(n: tuple[int, int], q: float, ratio: float) -> None:
    p = ratio * q
    assert exact_coverage(newcombe_difference, p - q, n, (p, q)) > 0.935
    assert exact_coverage(ratio_of_shares, ratio, n, (p, q)) > 0.935


def test_the_normal_quantile_is_two_sided() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.959964, abs=1e-6)


def test_resampled_counts_keep_every_group_and_repeat_with_their_seed() -> None:
    counts = np.array([[[5, 0], [1, 4]], [[0, 0], [0, 0]], [[0, 3], [0, 0]]])
    drawn = resample_counts(counts, 50, seed=3)
    assert drawn.shape == (50, 3, 2, 2)
    assert (drawn.sum(axis=(2, 3)) == [10, 0, 3]).all()
    assert (drawn[:, 2] == counts[2]).all()
    assert np.array_equal(drawn, resample_counts(counts, 50, seed=3))


def test_resampled_counts_spread_as_a_bootstrap_over_rows() -> None:
    counts = np.array([[[40, 10], [20, 30]]])
    rows = np.repeat(np.arange(4), counts.ravel())
    generator = np.random.default_rng(0)
    by_rows = np.array([np.bincount(generator.choice(rows, len(rows)), minlength=4) for _ in range(4000)])
    by_cells = resample_counts(counts, 4000, seed=1).reshape(4000, 4)
    assert np.allclose(by_rows.mean(axis=0), by_cells.mean(axis=0), atol=0.4)
    assert np.allclose(np.cov(by_rows.T), np.cov(by_cells.T), atol=2.0)
