import numpy as np
import pytest
from scipy import stats

from apps.ml.evaluation.statistics.numbers.bins import counted, errors_by_prediction, round_edges
from apps.ml.evaluation.statistics.numbers.distances import (
    kolmogorov_smirnov,
    largest_kolmogorov_smirnov,
    largest_wasserstein,
)


def samples(*shifts: float, n: int = 150, seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {f"g{at}": generator.normal(shift, 1, n) for at, shift in enumerate(shifts)}


def test_the_distance_of_two_samples_by_hand_and_by_scipy() -> None:
    assert kolmogorov_smirnov(np.array([1.0, 2.0]), np.array([2.0, 3.0])) == 0.5
    one, other = (found := samples(0.0, 0.7)).values()
    assert kolmogorov_smirnov(one, other) == pytest.approx(stats.ks_2samp(one, other).statistic)
    assert largest_wasserstein(found).value == pytest.approx(stats.wasserstein_distance(one, other))


def test_the_pair_that_is_furthest_apart_is_named_lower_mean_first() -> None:
    found = largest_kolmogorov_smirnov(samples(3.0, 0.0, 2.9), 0.95)
    assert (found.lowest, found.highest) == ("g1", "g0")
    assert found.lower is not None
    assert found.lower > 0
    assert largest_wasserstein(samples(3.0, 0.0, 2.9)).lower is None


@pytest.mark.parametrize("shifts", [(0.0, 0.0, 0.0), (0.0, 0.4, 1.0)])
def test_the_interval_holds_the_true_distance_at_least_as_often_as_it_says(shifts: tuple[float, ...]) -> None:
    truth = 2 * stats.norm.cdf(max(shifts) / 2) - 1
    covered = 0
    for seed in range(150):
        found = largest_kolmogorov_smirnov(samples(*shifts, seed=seed), 0.9)
        assert found.lower is not None
        assert found.upper is not None
        covered += found.lower <= truth <= found.upper
    assert covered / 150 > 0.9


def test_one_group_has_no_distance() -> None:
    assert "only 'g0' is judged" in str(largest_kolmogorov_smirnov(samples(0.0), 0.95).undefined)
    assert "none is judged" in str(largest_wasserstein({}).undefined)


def test_edges_are_readable_and_hold_everything_but_the_tails() -> None:
    values = np.random.default_rng(1).normal(35_123.4, 4_321.0, 5000)
    edges = round_edges(values, 40)
    width = edges[1] - edges[0]
    assert width in (250.0, 500.0, 1000.0)
    assert edges[0] % width == 0
    assert 20 <= len(edges) <= 45
    counts = np.bincount(counted(values, edges), minlength=len(edges) - 1)
    assert counts.sum() == 5000
    assert not np.isin(values, edges).any()
    assert len(round_edges(np.full(10, 3.0), 40)) >= 2


def test_bins_hold_equally_many_rows_and_equal_predictions_stay_together() -> None:
    generator = np.random.default_rng(2)
    predictions = generator.normal(size=400)
    bins = errors_by_prediction(predictions - 1.0, predictions, 10, 0.95)
    assert [one["n"] for one in bins] == [40] * 10
    assert all(one["mean_error"] == pytest.approx(1) for one in bins)
    assert sorted(one["mean_prediction"] for one in bins) == [one["mean_prediction"] for one in bins]
    assert len(errors_by_prediction(predictions, np.ones(400), 10, 0.95)) == 1
    assert errors_by_prediction(predictions[:19], predictions[:19], 10, 0.95) == []
