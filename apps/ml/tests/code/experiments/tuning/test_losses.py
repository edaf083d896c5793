"""Losses by name: a value checked by hand, scikit-learn as oracle, and what is refused or undefined."""

import numpy as np
import pytest
from sklearn import metrics

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.errors import ParameterError
from apps.ml.experiments.tuning.losses import LOSSES, UndefinedLossError, loss_named

DRAWS = np.random.default_rng(7)
LABELS = (DRAWS.random(200) < 0.3).astype(np.int8)
SCORES = np.clip(0.3 * LABELS + DRAWS.random(200) * 0.6, 0.01, 0.99)
DECISIONS = (SCORES >= 0.5).astype(np.int8)
VALUES = DRAWS.normal(size=200)
GUESSES = VALUES + DRAWS.normal(size=200) * 0.3

ORACLES = {
    "log_loss": metrics.log_loss(LABELS, SCORES),
    "brier_score": metrics.brier_score_loss(LABELS, SCORES),
    "roc_auc": 1 - metrics.roc_auc_score(LABELS, SCORES),
    "pr_auc": 1 - metrics.average_precision_score(LABELS, SCORES),
    "accuracy": 1 - metrics.accuracy_score(LABELS, DECISIONS),
    "balanced_accuracy": 1 - metrics.balanced_accuracy_score(LABELS, DECISIONS),
    "mean_squared_error": metrics.mean_squared_error(VALUES, GUESSES),
    "mean_absolute_error": metrics.mean_absolute_error(VALUES, GUESSES),
    "root_mean_squared_error": metrics.root_mean_squared_error(VALUES, GUESSES),
    "r_squared": 1 - metrics.r2_score(VALUES, GUESSES),
}


def test_every_loss_has_an_oracle() -> None:
    assert set(ORACLES) == set(LOSSES)


@pytest.mark.parametrize("name", ORACLES)
def test_a_loss_is_what_scikit_learn_says(name: str) -> None:
    loss = LOSSES[name]
    found = loss.value(LABELS, SCORES, DECISIONS) if loss.task == CLASSIFICATION else loss.value(VALUES, GUESSES, None)
    assert found == pytest.approx(ORACLES[name], rel=1e-10)


def test_a_metric_of_which_more_is_better_is_read_back() -> None:
    assert LOSSES["roc_auc"].metric(0.25) == 0.75
    assert LOSSES["log_loss"].metric(0.25) == 0.25


def test_scores_that_are_not_finite_are_a_diverging_fit() -> None:
    with pytest.raises(UndefinedLossError, match="2 of 3 scores are not finite: the fit diverged"):
        LOSSES["log_loss"].value(np.array([0, 1, 1]), np.array([np.nan, np.inf, 0.5]), None)
    with pytest.raises(UndefinedLossError, match="mean_squared_error is not finite"):
        LOSSES["mean_squared_error"].value(np.array([0.0, 1.0]), np.array([1e200, 1.0]), None)


def test_one_class_has_no_ranking() -> None:
    with pytest.raises(UndefinedLossError, match="rows of both classes"):
        LOSSES["roc_auc"].value(np.ones(4, dtype=np.int8), np.linspace(0, 1, 4), None)


def test_unknown_and_unfitting_metrics_are_refused_with_those_that_fit() -> None:
    with pytest.raises(ParameterError, match=r"did you mean 'log_loss'\? Choose one of log_loss, brier_score"):
        loss_named("logloss", CLASSIFICATION)
    with pytest.raises(
        ParameterError, match=r"log_loss does not fit a numeric label\. Choose one of mean_squared_error"
    ):
        loss_named("log_loss", REGRESSION)
