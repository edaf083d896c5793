"""Trials on their way up: what is compared, what is spent, what is kept, and what diverges."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from apps.ml.experiments.tuning.candidates import GrowingCandidate, RowsCandidate, candidate, training_of
from apps.ml.experiments.tuning.objective import Trial, standard_error
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.spaces import Suggested
from apps.ml.models.training import TrainingRows, train
from apps.ml.tests.small_tuning import problem

LINE = {"estimators": ["logistic_regression"], "pruner": "hyperband"}
TREES = {"estimators": ["lightgbm"], "pruner": "hyperband", "validation": {"folds": 2}}


@pytest.fixture(scope="module")
def line() -> TuningProblem:
    return problem(LINE)


@pytest.fixture(scope="module")
def trees() -> TuningProblem:
    return problem(TREES)


def test_a_whole_trial_is_cross_validation(line: TuningProblem) -> None:
    """scikit-learn by hand, fold by fold, is the oracle."""
    trial = Trial(line, Suggested("logistic_regression", {"C": 0.1}))
    for rung in range(len(trial.ladder.rungs)):
        loss = trial.climb(rung)
    by_hand = []
    for fold in line.folds:
        fitted = LogisticRegression(C=0.1, max_iter=2000, random_state=5).fit(fold.fit.X, fold.fit.labels)
        by_hand.append(log_loss(fold.measured.labels, fitted.predict_proba(fold.measured.X)[:, 1]))
    assert loss == pytest.approx(np.mean(by_hand), rel=1e-8)
    assert trial.note.fold_losses == pytest.approx(by_hand, rel=1e-8)


def test_rows_are_counted_anew_at_every_rung(line: TuningProblem) -> None:
    trial = Trial(line, Suggested("logistic_regression", {"C": 0.1}))
    trial.climb(0)
    trial.climb(1)
    assert trial.ladder.rungs == (29, 87, 261, 800)
    assert (trial.note.spent, trial.note.full) == (3 * (29 + 87), 3 * 800)
    assert trial.note.resource == "rows"
    assert trial.note.kept is None


def test_rounds_go_on_where_they_were(trees: TuningProblem) -> None:
    trial = Trial(trees, Suggested("lightgbm", {"learning_rate": 0.1}))
    for rung in range(2):
        trial.climb(rung)
    assert trial.ladder.rungs == (2, 6, 18, 80)
    assert (trial.note.spent, trial.note.full) == (2 * 6, 2 * 80)
    assert [units for units, _ in trial.note.looks] == [2, 3, 4, 5, 6]


def test_the_kept_rounds_are_those_of_the_lowest_loss_and_reproduce_it(trees: TuningProblem) -> None:
    """The winner's options, trained as `dvc repro` would, give the loss that the trial noted."""
    suggested = Suggested("lightgbm", {"learning_rate": 0.3})
    trial = Trial(trees, suggested)
    for rung in range(len(trial.ladder.rungs)):
        loss = trial.climb(rung)
    assert trial.note.kept == min(trial.note.looks, key=lambda look: look[1])[0] < 80
    fold = trees.folds[0]
    again = training_of(trees.training, Suggested("lightgbm", {"learning_rate": 0.3, "n_estimators": trial.note.kept}))
    stopped = again.model_copy(update={"early_stopping": again.early_stopping.model_copy(update={"enabled": False})})
    scores = train(stopped, fold.fit, fold.measured).scores(fold.measured.X)
    assert log_loss(fold.measured.labels, scores) == pytest.approx(trial.note.fold_losses[0], rel=1e-9)
    assert loss == pytest.approx(np.mean(trial.note.fold_losses))


def test_early_stopping_ends_the_growth_and_keeps_the_best() -> None:
    patient = problem(TREES, early_stopping={"enabled": True, "rounds": 5})
    endless = problem(TREES, early_stopping={"enabled": False})
    notes = []
    for asked in (patient, endless):
        trial = Trial(asked, Suggested("lightgbm", {"learning_rate": 0.3}))
        for rung in range(len(trial.ladder.rungs)):
            trial.climb(rung)
        notes.append(trial.note)
    assert notes[0].spent < notes[1].spent == 2 * 80
    assert notes[0].kept == notes[1].kept
    assert notes[0].fold_losses == notes[1].fold_losses


def test_with_a_mitigation_every_estimator_is_fitted_anew_on_rows() -> None:
    mitigated = problem(TREES, mitigation={"method": "reweighing", "attribute": "sex"})
    assert isinstance(candidate(mitigated, Suggested("lightgbm", {})), RowsCandidate)
    assert all(len(fold.watched.labels) for fold in mitigated.folds)
    assert all(fold.fit.codes is not None for fold in mitigated.folds)


def test_without_it_boosting_grows_and_nothing_is_set_aside(trees: TuningProblem) -> None:
    assert isinstance(candidate(trees, Suggested("lightgbm", {})), GrowingCandidate)
    assert all(not len(fold.watched.labels) for fold in trees.folds)


def test_the_threshold_of_decisions_comes_from_rows_that_do_not_measure() -> None:
    """Other labels of the measured rows leave the decisions about them as they are."""
    asked: dict[str, Any] = {"estimators": ["naive_bayes"], "metric": "accuracy", "validation": {"method": "holdout"}}
    decided = problem(asked, threshold={"rule": "best_accuracy"})
    (fold,) = decided.folds
    assert len(fold.watched.labels)
    turned = TrainingRows(fold.measured.X, (1 - fold.measured.labels).astype(np.int8))
    first = candidate(decided, Suggested("naive_bayes", {})).measure(len(fold.fit.labels))[0].loss
    other = replace(decided, folds=(replace(fold, measured=turned),))
    second = candidate(other, Suggested("naive_bayes", {})).measure(len(fold.fit.labels))[0].loss
    assert first + second == pytest.approx(1.0)


def test_gaps_are_measured_at_the_kept_look() -> None:
    fair = problem({**TREES, "unfairness": {"metric": "demographic_parity_difference", "attribute": "sex"}})
    trial = Trial(fair, Suggested("lightgbm", {"learning_rate": 0.3}))
    assert trial.ladder.rungs == (80,)
    trial.climb(0)
    gap = trial.unfairness()
    assert gap is not None
    assert 0.0 <= gap <= 1.0
    assert len(trial.note.fold_unfairness) == 2


def test_the_standard_error_is_that_of_a_mean() -> None:
    assert standard_error([1.0, 3.0]) == pytest.approx(1.0)
    assert standard_error([1.0]) is None
    assert standard_error([1.0, None]) is None
