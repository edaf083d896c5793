import numpy as np
import pytest
from scipy.stats import ttest_rel
from sklearn.metrics import brier_score_loss, log_loss

from apps.ml.evaluation.model_comparison.losses import log_losses, mean_difference, squared_errors

RANDOM = np.random.default_rng(3)
NEW, OLD = RANDOM.random(50), RANDOM.random(50)


def test_a_difference_that_can_be_checked_by_hand() -> None:
    found = mean_difference(np.array([1.0, 3.0]), np.zeros(2), 0.95)
    assert found.value == 2.0
    assert found.upper == pytest.approx(2 + 12.7062, abs=1e-3)


def test_the_interval_is_that_of_the_paired_t_test() -> None:
    found = mean_difference(NEW, OLD, 0.9)
    expected = ttest_rel(NEW, OLD).confidence_interval(0.9)
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high))


def test_exchanging_the_models_turns_the_sign() -> None:
    one, other = mean_difference(NEW, OLD, 0.9), mean_difference(OLD, NEW, 0.9)
    assert one.value == pytest.approx(-(other.value or 0))
    assert one.lower == pytest.approx(-(other.upper or 0))


def test_one_row_has_no_spread() -> None:
    assert (
        mean_difference(NEW[:1], OLD[:1], 0.9).undefined
        == "a mean difference needs at least two rows to tell its spread"
    )


def test_losses_of_rows_have_the_means_that_scikit_learn_gives() -> None:
    labels = (OLD > 0.5).astype(np.float64)
    assert log_losses(labels, NEW).mean() == pytest.approx(log_loss(labels, NEW))
    assert squared_errors(labels, NEW).mean() == pytest.approx(brier_score_loss(labels, NEW))
    assert np.isfinite(log_losses(np.array([1.0]), np.array([0.0]))).all()
