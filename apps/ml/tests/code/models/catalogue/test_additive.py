from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.models.catalogue.additive import _bags, _machine, additive_model
from apps.ml.models.parts.additive_model import AdditiveModel
from apps.ml.models.scoring import scores_of
from apps.ml.parameters.estimators import ExplainableBoostingOptions
from apps.ml.tests.code.models.fit_requests import fit_request, fitted
from apps.ml.tests.code.models.learnable_rows import learnable_rows

OPTIONS: dict[str, Any] = {"max_rounds": 150, "outer_bags": 2, "interactions": 2, "learning_rate": 0.05}
NAME = "explainable_boosting"
TASKS = (CLASSIFICATION, REGRESSION)


@pytest.mark.parametrize("task", TASKS)
def test_the_numbers_taken_out_predict_what_the_library_predicts(task: Task) -> None:
    request = fit_request(task)
    machine = _machine(ExplainableBoostingOptions(**OPTIONS), request).fit(request.train.X, request.train.labels)
    part = additive_model(machine, task == CLASSIFICATION)
    X = np.concatenate([learnable_rows(100, 3).X, request.train.X[:20], [[-50.0] * 5, [50.0] * 5]])
    expected = machine.predict_proba(X)[:, 1] if task == CLASSIFICATION else machine.predict(X)
    assert part.score(X) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert {len(term.features) for term in part.terms} == {1, 2}


@pytest.mark.parametrize("task", TASKS)
def test_what_is_learned_holds_for_new_rows(task: Task) -> None:
    rows = learnable_rows(300, 3, task)
    found = fitted(NAME, OPTIONS, fit_request(task))
    scores = scores_of(found.estimator, rows.X)
    assert np.mean((scores - rows.labels) ** 2) < 0.75 * np.var(rows.labels)
    assert found.rounds is not None


def test_fitting_twice_gives_the_same_scores_to_the_last_bit() -> None:
    X = learnable_rows(100, 3).X
    first, second = (fitted(NAME, OPTIONS, fit_request()).estimator for _ in range(2))
    assert (first.score(X) == second.score(X)).all()


def test_validation_rows_are_watched_and_not_learned_from() -> None:
    request = fit_request(stop_after=10)
    bags = _bags(request, 600, 3)
    assert (bags[400:] == -1).all()
    assert set(np.unique(bags[:400])) == {0, 1}
    assert bags[:400].sum(axis=0).tolist() == [340, 340, 340]
    assert (bags[:, 0] != bags[:, 1]).any()
    assert (_bags(request, 600, 1)[:400] == 1).all()


def test_early_stopping_ends_before_the_limit_of_rounds() -> None:
    stopped = fitted(NAME, {**OPTIONS, "max_rounds": 5000}, fit_request(stop_after=5)).rounds
    assert stopped is not None
    assert stopped < 5000
    assert fitted(NAME, OPTIONS, fit_request(stop_after=None)).rounds == 150


@pytest.mark.parametrize("task", TASKS)
def test_the_intercept_is_set_by_the_training_rows_alone(task: Task) -> None:
    weights = np.linspace(0.5, 2.0, 400)
    request = fit_request(task, weights=weights)
    scores = fitted(NAME, OPTIONS, request).estimator.score(request.train.X)
    assert np.average(scores, weights=weights) == pytest.approx(np.average(request.train.labels, weights=weights))


def test_scores_move_in_the_given_direction_only() -> None:
    part: AdditiveModel = fitted(NAME, OPTIONS, fit_request(monotone=(1, 0, -1, 0, 0))).estimator
    for feature, direction in ((0, 1), (2, -1)):
        terms = [term for term in part.terms if feature in term.features]
        assert [term.features for term in terms] == [(feature,)]
        assert (direction * np.diff(terms[0].scores) >= 0).all()


def test_one_feature_makes_a_model_without_pairs() -> None:
    request = fit_request()
    narrow = replace(
        request,
        train=replace(request.train, X=request.train.X[:, :1]),
        validation=replace(request.validation, X=request.validation.X[:, :1]),
    )
    assert [term.features for term in fitted(NAME, OPTIONS, narrow).estimator.terms] == [(0,)]
