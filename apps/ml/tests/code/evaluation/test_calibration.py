import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from apps.ml.evaluation.statistics.calibration import calibration_bins, calibration_error, calibration_records


def drawn(n: int, shift: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores, and the true probabilities, which lie `shift` above the scores."""
    scores = generator.beta(2, 3, n)
    truth = np.clip(scores + shift, 0, 1)
    return (generator.random(n) < truth).astype(np.int8), scores, truth


def test_an_error_checked_by_hand() -> None:
    # Two bins of two: |.2 − .5| and |.8 − 1|, half of the rows each.
    labels, scores = np.array([0, 1, 1, 1], dtype=np.int8), np.array([0.1, 0.3, 0.7, 0.9])
    found = calibration_error(labels, scores, 2, 0.95, 1000, 0)
    assert found.value == pytest.approx(0.5 * 0.3 + 0.5 * 0.2)


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
        edges = np.quantile(scores, np.arange(1, 10) / 10, method="inverted_cdf")
        position = np.searchsorted(edges, scores)
        true = sum(abs((scores - truth)[position == b].mean()) * (position == b).mean() for b in range(10))
        covered += found.lower <= true <= found.upper
    # Three standard errors of a simulated share of .95 are .046.
    assert covered / 200 > 0.95 - 0.046


def test_a_perfect_score_of_few_rows_is_not_convicted() -> None:
    labels, scores, _ = drawn(300, 0.0, np.random.default_rng(4))
    found = calibration_error(labels, scores, 10, 0.95, 1000, 0)
    assert found.value > 0.03  # type: ignore[operator]
    assert found.lower == 0.0


def test_records_hold_score_and_share_of_each_bin() -> None:
    labels, scores = np.array([0, 1, 1, 1], dtype=np.int8), np.array([0.1, 0.3, 0.7, 0.9])
    records = calibration_records(labels, scores, 2, 0.95)
    assert [mean for mean, _ in records] == pytest.approx([0.2, 0.8])
    assert [(share.numerator, share.n) for _, share in records] == [(1, 2), (2, 2)]


def test_without_rows_the_error_is_undefined() -> None:
    found = calibration_error(np.zeros(0, dtype=np.int8), np.zeros(0), 10, 0.95, 100, 0)
    assert found.undefined == "there are no rows"
