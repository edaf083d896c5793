"""The probabilities behind the bounds are checked against SciPy's multivariate normal and against drawn errors."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from apps.ml.evaluation.statistics.shares.contrasts import differences, log_ratios
from apps.ml.evaluation.statistics.shares.exceedance import both_below, miss_probability, star, upper_quantile
from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference, ratio_of_shares
from apps.ml.evaluation.statistics.shares.rates import GroupShares
from apps.ml.evaluation.statistics.shares.worst_contrast import lower_bound_of_largest, upper_bound_of_largest

SHARES = GroupShares(np.array([30.0, 45.0, 0.0, 20.0]), np.array([100.0, 90.0, 40.0, 20.0]))


def test_contrasts_are_the_pairwise_intervals() -> None:
    z = np.array([1.0, upper_quantile(0.025)])
    for contrasts, pairwise in ((differences(SHARES), newcombe_difference), (log_ratios(SHARES), ratio_of_shares)):
        lower, upper = contrasts.intervals(z)
        for at, (i, j) in enumerate(zip(contrasts.tops, contrasts.bottoms, strict=True)):
            expected = pairwise(SHARES.successes[i], SHARES.n[i], SHARES.successes[j], SHARES.n[j], 0.95)
            found = (lower[1, at], upper[1, at])
            if contrasts.bounds is not differences(SHARES).bounds:
                found = (np.exp(found[0]), np.exp(found[1]))
            assert np.allclose(found, expected)


@pytest.mark.parametrize("loading", [0.3, 0.7071, 0.9])
@pytest.mark.parametrize("leaves", [1, 2, 4])
def test_a_star_is_the_multivariate_normal_tail(loading: float, leaves: int) -> None:
    covariance = np.full((leaves, leaves), loading**2)
    np.fill_diagonal(covariance, 1.0)
    within = multivariate_normal(np.zeros(leaves), covariance, seed=0).cdf(np.full(leaves, 2.2))
    found = star(np.array([[leaves]]), np.array([2.2]), np.array([loading]))
    assert found[0, 0] == pytest.approx(1 - within, abs=5e-5)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("slack", [0.0, 0.5, 3.0])
def test_two_draws_below_are_the_bivariate_normal(correlation: float, slack: float) -> None:
    expected = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf([-1.96, slack - 1.96])
    assert both_below(1.96, 1.96 - slack, np.array([correlation]))[0] == pytest.approx(expected, abs=2e-5)


def test_a_second_pair_without_limit_leaves_the_first_alone() -> None:
    assert both_below(1.96, -np.inf, np.array([0.5]))[0] == pytest.approx(norm.sf(1.96))


@pytest.mark.parametrize("spread", [(1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 0.3, 2.0)])
@pytest.mark.parametrize("places", [(0, 0, 0, 1), (0, 0, 1, 1), (0, 0.5, 0.5, 1), (0, 0.9, 0.95, 1), (0, 0, 0, 0)])
def test_the_miss_probability_bounds_what_drawn_errors_do(spread: tuple[float, ...], places: tuple[float, ...]) -> None:
    # Normal errors around groups that stand anywhere within d: no arrangement misses more often than is allowed.
    rows = 400 / np.array(spread) ** 2
    contrasts = differences(GroupShares(0.3 * rows, rows))
    d, c, z = 0.1, 2.4, 1.96
    if not any(places):
        d = 1e-9
    allowed = miss_probability([contrasts], [np.full(12, np.inf)], np.array([c]), np.array([d]), z)[0]
    generator = np.random.default_rng(1)
    errors = generator.normal(size=(40_000, 4)) * contrasts.spread
    off = (errors[:, contrasts.tops] - errors[:, contrasts.bottoms]) / contrasts.errors
    place = np.array(places) * d
    slack = (d - (place[contrasts.tops] - place[contrasts.bottoms])) / contrasts.errors
    below, above = (off > c + slack).any(axis=1), (off < slack - z).all(axis=1)
    assert (below | above).mean() <= allowed + 0.003


def test_bounds_of_one_pair_are_its_ordinary_ones() -> None:
    pair = differences(GroupShares(np.array([56.0, 48.0]), np.array([70.0, 80.0])))
    expected = newcombe_difference(56, 70, 48, 80, 0.95)
    assert lower_bound_of_largest([pair], 0.95) == pytest.approx(float(expected.lower))
    assert upper_bound_of_largest([pair], 0.95) == pytest.approx(float(expected.upper))
