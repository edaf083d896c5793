import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as oracle_log_loss

from apps.ml.evaluation.statistics.scores.losses import brier_score, log_loss

LABELS = np.array([1, 0, 1, 0], dtype=np.int8)
SCORES = np.array([0.8, 0.3, 0.5, 0.1])


def test_losses_are_those_of_scikit_learn() -> None:
    assert log_loss(LABELS, SCORES, 0.95).value == pytest.approx(oracle_log_loss(LABELS, SCORES))
    assert brier_score(LABELS, SCORES, 0.95).value == pytest.approx(brier_score_loss(LABELS, SCORES))


def test_the_interval_is_that_of_a_t_test() -> None:
    expected = ttest_1samp((SCORES - LABELS) ** 2, 0).confidence_interval(0.9)
    found = brier_score(LABELS, SCORES, 0.9)
    assert (found.lower, found.upper) == pytest.approx((max(expected.low, 0), expected.high))


def test_certainty_that_was_wrong_costs_much_and_not_infinitely() -> None:
    labels, scores = np.array([1, 0], dtype=np.int8), np.array([0.0, 0.0])
    assert log_loss(labels, scores, 0.95).value == pytest.approx(oracle_log_loss(labels, scores))
    assert log_loss(labels, scores, 0.95).value == pytest.approx(18.02, abs=0.01)


def test_one_row_has_no_spread_and_thus_no_measurement() -> None:
    found = log_loss(LABELS[:1], SCORES[:1], 0.95)
    assert found.undefined == "a mean loss needs at least two rows to tell its spread"
    assert found.n == 1
