import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.scores.calibration import (
    calibration_curves,
    calibration_difference,
    calibration_error,
    calibration_error_by_group,
    debiased_error,
    plain_error,
)
from apps.ml.evaluation.statistics.scores.calibration_bins import CalibrationBins, bins_of_steps, calibration_bins


def drawn(n: int, shift: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores, and the true probabilities, which lie `shift` above the scores."""
    scores = generator.beta(2, 3, n)
    truth = np.clip(scores + shift, 0, 1)
    return (generator.random(n) < truth).astype(np.int8), scores, truth


def table_of(groups: np.ndarray, labels: np.ndarray, scores: np.ndarray, steps: int = 1000) -> ScoreTable:
    joint = count_jointly(np.zeros(len(labels)), pd.DataFrame({"g": groups}), labels, scores, score_bins=steps)
    return joint.scores("g")


def true_error(scores: np.ndarray, truth: np.ndarray) -> float:
    """Weighted mean of |mean score − mean true probability| over ten bins of equal mass."""
    edges = np.quantile(scores, np.arange(1, 10) / 10, method="inverted_cdf")
    position = np.searchsorted(edges, scores)
    return float(sum(abs((scores - truth)[position == b].mean()) * (position == b).mean() for b in range(10)))


def test_a_plain_error_checked_by_hand() -> None:
    # Two bins of two: |.2 − .5| and |.8 − 1|, half of the rows each.
    labels, scores = np.array([0, 1, 1, 1], dtype=np.int8), np.array([0.1, 0.3, 0.7, 0.9])
    assert plain_error(calibration_bins(labels, scores, 2)) == pytest.approx(0.5 * 0.3 + 0.5 * 0.2)


def test_no_noise_is_subtracted_from_deviations_far_beyond_it() -> None:
    bins = CalibrationBins(np.array([10**8, 10**8]), np.array([5 * 10**7, 9 * 10**7]), np.array([0.2, 0.8]))
    assert debiased_error(bins) == pytest.approx(plain_error(bins), abs=1e-6)


def test_all_of_the_noise_is_subtracted_where_there_is_nothing_else() -> None:
    # Deviations of .4 standard errors in every bin are less than noise alone would show.
    rows, share = np.full(10, 10_000), 0.5
    error = np.sqrt(share * (1 - share) / rows)
    bins = CalibrationBins(rows, np.full(10, 5000), share + 0.4 * error)
    assert debiased_error(bins) == 0.0


@pytest.mark.parametrize(("n", "shift"), [(300, 0.0), (1000, 0.0), (300, 0.08), (1000, 0.05), (3000, 0.15)])
def test_the_debiased_error_is_near_the_truth_on_average(n: int, shift: float) -> None:
    generator = np.random.default_rng(5)
    bias = np.zeros(2)
    for _ in range(200):
        labels, scores, truth = drawn(n, shift, generator)
        bins, true = calibration_bins(labels, scores, 10), true_error(scores, truth)
        bias += np.array([plain_error(bins) - true, debiased_error(bins) - true]) / 200
    # In standard errors of a bin's share: those of 10 bins of n / 10 rows with a share of .4.
    assert abs(bias[1]) < 0.3 * np.sqrt(0.24 / (n / 10))
    assert bias[1] < bias[0]


def test_bins_are_those_of_scikit_learn() -> None:
    labels, scores, _ = drawn(1001, 0.0, np.random.default_rng(1))
    table = calibration_bins(labels, scores, 10)
    share, mean = calibration_curve(labels, scores, n_bins=10, strategy="quantile")
    assert table.positive_share == pytest.approx(share)
    assert table.mean_score == pytest.approx(mean)


def test_equal_scores_stay_in_one_bin() -> None:
    labels, scores = np.array([0, 1] * 10, dtype=np.int8), np.repeat([0.2, 0.6], 10)
    table = calibration_bins(labels, scores, 10)
    assert table.rows.tolist() == [10, 10]
    constant = calibration_bins(labels, np.full(20, 0.5), 10)
    assert constant.rows.tolist() == [20]
    assert constant.mean_score.tolist() == [0.5]


def test_no_row_is_lost_in_the_bins() -> None:
    labels, scores, _ = drawn(57, 0.1, np.random.default_rng(2))
    table = calibration_bins(labels, scores, 10)
    assert table.rows.sum() == 57
    assert table.positives.sum() == labels.sum()
    assert (table.rows > 0).all()


@pytest.mark.parametrize(("n", "shift"), [(300, 0.0), (300, 0.05), (2000, 0.0), (2000, 0.03)])
def test_the_interval_covers_the_true_error_of_the_bins(n: int, shift: float) -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        labels, scores, truth = drawn(n, shift, generator)
        found = calibration_error(labels, scores, 10, 0.95, 500, 0)
        covered += found.lower <= true_error(scores, truth) <= found.upper  # type: ignore[operator]
    # Three standard errors of a simulated share of .95 are .046.
    assert covered / 200 > 0.95 - 0.046


def test_a_perfect_score_of_few_rows_is_not_convicted() -> None:
    labels, scores, _ = drawn(300, 0.0, np.random.default_rng(4))
    found = calibration_error(labels, scores, 10, 0.95, 1000, 0)
    assert plain_error(calibration_bins(labels, scores, 10)) > 0.03
    assert found.value < 0.02  # type: ignore[operator]
    assert found.lower == 0.0


def test_bins_hold_score_and_share_of_their_rows() -> None:
    labels, scores = np.array([0, 1, 1, 1], dtype=np.int8), np.array([0.1, 0.3, 0.7, 0.9])
    bins = calibration_bins(labels, scores, 2)
    assert bins.mean_score.tolist() == pytest.approx([0.2, 0.8])
    assert (bins.positives.tolist(), bins.rows.tolist()) == ([1, 2], [2, 2])


def test_without_rows_the_error_is_undefined() -> None:
    found = calibration_error(np.zeros(0, dtype=np.int8), np.zeros(0), 10, 0.95, 100, 0)
    assert found.undefined == "there are no rows"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 19)), min_size=1, max_size=60), st.integers(1, 12))
def test_bins_of_steps_are_those_of_rows_that_score_in_the_middle_of_steps(
    rows: list[tuple[int, int]], bins: int
) -> None:
    labels, steps = (np.array(column) for column in zip(*rows, strict=True))
    scores = (steps + 0.5) / 20
    found = bins_of_steps(table_of(np.full(len(rows), "a"), labels, scores, 20), bins)["a"]
    wanted = calibration_bins(labels.astype(np.int8), scores, bins)
    assert found.rows.tolist() == wanted.rows.tolist()
    assert found.positives.tolist() == wanted.positives.tolist()
    assert found.mean_score == pytest.approx(wanted.mean_score)


def test_errors_by_group_are_those_of_the_rows_of_each_group() -> None:
    generator = np.random.default_rng(6)
    labels, scores, _ = drawn(3000, 0.05, generator)
    groups = np.where(generator.random(3000) < 0.3, "a", "b")
    found = calibration_error_by_group(table_of(groups, labels, scores), 10, 0.95, 1000, 0)
    for name, measured in found.items():
        wanted = calibration_error(labels[groups == name], scores[groups == name], 10, 0.95, 1000, 0)
        assert measured.n == wanted.n
        # A row more or less in a bin of 90 moves its share by up to .01.
        assert measured.value == pytest.approx(wanted.value, abs=5e-3)
        assert measured.upper == pytest.approx(wanted.upper, abs=5e-3)


def test_curves_by_group_hold_score_and_share_of_each_bin() -> None:
    labels, scores = np.array([0, 1, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9])
    curve = calibration_curves(table_of(np.full(4, "a"), labels, scores), 2, 0.95)["a"]
    assert [point["n"] for point in curve] == [2, 2]
    assert [point["mean_score"] for point in curve] == pytest.approx([0.2, 0.8])
    assert [point["share"] for point in curve] == [0.5, 1.0]
    assert all(point["lower"] <= point["share"] <= point["upper"] for point in curve)


def difference(shifts: list[float], n: int, seed: int) -> tuple[float, float, float, str | None]:
    generator = np.random.default_rng(seed)
    parts = [drawn(n, shift, generator)[:2] for shift in shifts]
    groups = np.repeat([f"g{at}" for at in range(len(shifts))], n)
    labels, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    found = calibration_difference(table_of(groups, labels, scores), 10, 0.95, 1000, 0)
    assert found.value is not None
    assert found.lower is not None
    assert found.upper is not None
    return found.value, found.lower, found.upper, found.highest


@pytest.mark.parametrize(("shifts", "true"), [([0.0, 0.0], 0.0), ([0.1] * 4, 0.0), ([0.0, 0.1], 0.1)])
def test_the_difference_between_groups_is_covered(shifts: list[float], true: float) -> None:
    # The shift is cut off at a probability of 1, which is hardly ever reached: the truth is the shift to 3 digits.
    found = [difference(shifts, 400, seed) for seed in range(60)]
    assert np.mean([lower <= true + 1e-3 and true - 1e-3 <= upper for _, lower, upper, _ in found]) > 0.95 - 0.085


def test_a_group_that_is_calibrated_worse_is_named() -> None:
    value, lower, _, highest = difference([0.0, 0.0, 0.15], 2000, 7)
    assert highest == "g2"
    assert value == pytest.approx(0.15, abs=0.03)
    assert lower > 0.05


def test_a_group_without_rows_is_undefined_and_named() -> None:
    labels, scores, _ = drawn(100, 0.0, np.random.default_rng(8))
    groups = pd.Categorical(["a"] * 50 + ["b"] * 50, categories=["a", "b", "c"])
    joint = count_jointly(np.zeros(100), pd.DataFrame({"g": groups}), labels, scores)
    table = joint.scores("g")
    assert calibration_error_by_group(table, 10, 0.95, 100, 0)["c"].undefined == "there are no rows"
    assert calibration_curves(table, 10, 0.95)["c"] == []
    assert calibration_difference(table, 10, 0.95, 100, 0).undefined == (
        "the calibration error is undefined for 'c': there are no rows"
    )
    assert "only 'a' is judged" in str(calibration_difference(table.select(["a"]), 10, 0.95, 100, 0).undefined)
