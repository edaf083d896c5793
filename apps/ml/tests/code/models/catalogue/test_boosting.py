from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.scoring import scores_of
from apps.ml.parameters.estimators import Estimators
from apps.ml.tests.code.models.fit_requests import (
    fit_request,
    fitted,
    is_scored_alone_as_among_others,
    loss_of,
    written_and_read,
)
from apps.ml.tests.code.models.learnable_rows import learnable_rows

OPTIONS: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 120, "learning_rate": 0.2, "num_leaves": 7, "subsample": 0.7},
    "xgboost": {"n_estimators": 120, "learning_rate": 0.2, "max_depth": 3, "subsample": 0.7},
    "hist_gradient_boosting": {"max_iter": 120, "learning_rate": 0.2, "max_leaf_nodes": 7},
}
ROUNDS = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "hist_gradient_boosting": "max_iter"}
CASES = [(name, task) for name in OPTIONS for task in (CLASSIFICATION, REGRESSION)]
FRESH = {task: learnable_rows(300, 3, task) for task in (CLASSIFICATION, REGRESSION)}


def with_rounds(name: str, rounds: int) -> dict[str, Any]:
    return OPTIONS[name] | {ROUNDS[name]: rounds}


def growing(name: str, *request: Any) -> Any:
    options = getattr(Estimators.model_validate({name: OPTIONS[name]}), name)
    grow: Callable[..., Any] | None = ESTIMATORS[name].grow
    assert grow is not None
    return grow(options, fit_request(*request))


@pytest.mark.parametrize(("name", "task"), CASES)
def test_what_is_learned_holds_for_new_rows(name: str, task: Task) -> None:
    rows = FRESH[task]
    scores = scores_of(fitted(name, OPTIONS[name], fit_request(task)).estimator, rows.X)
    level = np.full(len(scores), np.mean(fit_request(task).train.labels))
    assert np.mean((scores - rows.labels) ** 2) < 0.75 * np.mean((level - rows.labels) ** 2)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_rounds_with_the_lowest_validation_loss_are_kept(name: str, task: Task) -> None:
    request = fit_request(task, stop_after=10)
    kept = fitted(name, OPTIONS[name], request).rounds
    assert kept is not None
    assert 10 < kept < 110
    losses = {}
    for rounds in range(kept - 5, kept + 11):
        grown = fitted(name, with_rounds(name, rounds), fit_request(task, stop_after=None))
        losses[rounds] = loss_of(request, scores_of(grown.estimator, request.validation.X))
    assert min(losses, key=lambda rounds: losses[rounds]) == kept


@pytest.mark.parametrize(("name", "task"), CASES)
def test_growing_in_steps_gives_the_model_that_is_fitted_at_once(name: str, task: Task) -> None:
    """Another booster grows in between: streams of chance must not be shared."""
    steps, other = growing(name, task, None), growing(name, task, None)
    X = FRESH[task].X
    for units in (1, 7, 7, 25, 3):
        steps.grow_to(units)
        other.grow_to(2 * units)
    at_once = fitted(name, with_rounds(name, 25), fit_request(task, stop_after=None))
    assert steps.spent == steps.kept == at_once.rounds == 25
    assert (steps.score(X) == scores_of(at_once.estimator, X)).all()
    assert (scores_of(steps.fitted(), X) == scores_of(at_once.estimator, X)).all()


@pytest.mark.parametrize("name", OPTIONS)
def test_growth_ends_where_early_stopping_ends_the_fit(name: str) -> None:
    grown = growing(name, CLASSIFICATION, 5)
    for units in (8, 60, 120):
        grown.grow_to(units)
    at_once = fitted(name, OPTIONS[name], fit_request(stop_after=5))
    assert grown.has_stopped
    assert grown.kept == at_once.rounds == grown.spent - 5
    assert (grown.score(FRESH[CLASSIFICATION].X) == scores_of(at_once.estimator, FRESH[CLASSIFICATION].X)).all()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_scores_move_in_the_given_direction_only(name: str, task: Task) -> None:
    request = fit_request(task, monotone=(1, 0, -1, 0, 0))
    estimator = fitted(name, OPTIONS[name], request).estimator
    for feature, direction in ((0, 1), (2, -1)):
        X = np.repeat(FRESH[task].X[:20], 30, axis=0)
        X[:, feature] = np.tile(np.linspace(-3, 3, 30), 20)
        moves = direction * np.diff(scores_of(estimator, X).reshape(20, 30), axis=1)
        assert moves.min() >= -1e-9 * max(1.0, float(np.abs(moves).max()))
        assert feature != 0 or moves.max() > 0


@pytest.mark.parametrize("name", OPTIONS)
def test_rows_of_weight_zero_point_one_count_less(name: str) -> None:
    plain = fit_request()
    light = np.where(plain.train.labels == 1, 0.1, 1.0)
    weighted = fitted(name, OPTIONS[name], fit_request(weights=light)).estimator
    before = scores_of(fitted(name, OPTIONS[name], plain).estimator, FRESH[CLASSIFICATION].X)
    assert scores_of(weighted, FRESH[CLASSIFICATION].X).mean() < before.mean() - 0.1


@pytest.mark.parametrize(("name", "task"), CASES)
def test_what_was_written_is_read_and_writes_the_same_bytes(name: str, task: Task, tmp_path: Path) -> None:
    estimator = fitted(name, OPTIONS[name], fit_request(task)).estimator
    found = written_and_read(tmp_path, estimator)
    assert (scores_of(found, FRESH[task].X) == scores_of(estimator, FRESH[task].X)).all()
    assert is_scored_alone_as_among_others(found, FRESH[task].X[:20])


@pytest.mark.parametrize("name", OPTIONS)
def test_progress_is_told_up_to_the_last_round(name: str) -> None:
    told: list[tuple[int, int, float | None]] = []
    request = replace(fit_request(stop_after=None), report=lambda *values: told.append(values))
    fitted(name, with_rounds(name, 12), request)
    assert told[-1] == (12, 12, None)


def test_the_text_of_a_booster_that_stopped_early_is_that_of_one_with_fewer_rounds() -> None:
    stopped = fitted("xgboost", OPTIONS["xgboost"], fit_request())
    assert stopped.rounds is not None
    shorter = fitted("xgboost", with_rounds("xgboost", stopped.rounds), fit_request(stop_after=None))
    assert stopped.estimator.__reduce__() == shorter.estimator.__reduce__()
