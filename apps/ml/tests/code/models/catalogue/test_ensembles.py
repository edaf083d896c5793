from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import ParameterError
from apps.ml.models.catalogue import ESTIMATORS, ensembles
from apps.ml.models.fitting import Fit, Fitted
from apps.ml.models.parts.calibrated import Calibrated
from apps.ml.models.scoring import scores_of
from apps.ml.parameters.estimators import LightGBMOptions, StackingOptions
from apps.ml.parameters.reading import check_parameters
from apps.ml.tests.code.models.fit_requests import fit_request, fitted
from apps.ml.tests.code.models.learnable_rows import learnable_rows

BOOSTER: dict[str, Any] = {"estimator": "lightgbm", "options": {"n_estimators": 40, "num_leaves": 5}}
FOREST: dict[str, Any] = {"estimator": "random_forest", "options": {"n_estimators": 15, "min_samples_leaf": 8}}
LINEAR = {CLASSIFICATION: {"estimator": "logistic_regression"}, REGRESSION: {"estimator": "linear_regression"}}
TASKS = (CLASSIFICATION, REGRESSION)
CASES = [(name, task) for name in ("voting", "stacking") for task in TASKS]
FRESH = {task: learnable_rows(300, 3, task) for task in TASKS}


def logit(probabilities: np.ndarray) -> np.ndarray:
    return np.log(probabilities) - np.log1p(-probabilities)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_what_is_learned_holds_for_new_rows(name: str, task: Task) -> None:
    rows = FRESH[task]
    found = fitted(name, {"members": [LINEAR[task], BOOSTER, FOREST]}, fit_request(task))
    assert np.mean((scores_of(found.estimator, rows.X) - rows.labels) ** 2) < 0.75 * np.var(rows.labels)
    assert (found.rounds, found.converged) == (None, True)


def test_voting_averages_log_odds_by_weight() -> None:
    X = FRESH[CLASSIFICATION].X
    part = fitted("voting", {"members": [BOOSTER | {"weight": 3}, LINEAR[CLASSIFICATION]]}, fit_request()).estimator
    booster, linear = (logit(scores_of(member, X)) for member in part.members)
    assert logit(part.score(X)) == pytest.approx(0.75 * booster + 0.25 * linear, abs=1e-9)


def test_voting_averages_probabilities_where_that_is_asked_for() -> None:
    X = FRESH[CLASSIFICATION].X
    options = {"members": [BOOSTER, FOREST], "mean_of": "probabilities"}
    part = fitted("voting", options, fit_request()).estimator
    booster, forest = (scores_of(member, X) for member in part.members)
    assert part.score(X) == pytest.approx((booster + forest) / 2, abs=1e-12)


def test_members_are_those_that_stand_alone() -> None:
    X = FRESH[CLASSIFICATION].X
    part = fitted("stacking", {"members": [BOOSTER, FOREST]}, fit_request()).estimator
    for member, alone in zip(part.members, (BOOSTER, FOREST), strict=True):
        single = fitted(alone["estimator"], alone["options"], fit_request()).estimator
        assert (scores_of(member, X) == scores_of(single, X)).all()


@pytest.mark.parametrize("task", TASKS)
def test_stacking_weighs_what_members_say_of_rows_they_have_not_seen(task: Task) -> None:
    """A member that repeats the labels it was fitted to gets less weight, though it looks perfect on them."""
    rows_seen: list[int] = []

    def watched(options: LightGBMOptions, fit: Fit) -> Fitted:
        rows_seen.append(len(fit.train))
        return ESTIMATORS["lightgbm"].fit(options, fit)

    known = dict(ESTIMATORS) | {"lightgbm": replace(ESTIMATORS["lightgbm"], fit=watched)}
    overfitted = {"estimator": "lightgbm", "options": {"n_estimators": 300, "num_leaves": 60, "min_child_samples": 1}}
    options = StackingOptions.model_validate({"members": [LINEAR[task], overfitted], "folds": 4})
    part = ensembles.entries(known)["stacking"].fit(options, fit_request(task, stop_after=None)).estimator
    assert rows_seen == [300, 300, 300, 300, 400]
    assert part.weights[0] > 2 * abs(part.weights[1])


def test_the_linear_model_of_stacking_counts_numeric_labels_on_any_scale_alike() -> None:
    request = fit_request(REGRESSION, stop_after=None)
    options = {"members": [LINEAR[REGRESSION], BOOSTER], "C": 0.01}
    small = replace(request, train=replace(request.train, labels=request.train.labels / 1000.0))
    first, second = (fitted("stacking", options, one).estimator.weights for one in (request, small))
    assert second == pytest.approx(first, rel=1e-3)


def test_margins_are_calibrated_inside() -> None:
    options = {"members": [{"estimator": "linear_svm"}, BOOSTER], "folds": 2}
    machine, booster = fitted("stacking", options, fit_request()).estimator.members
    assert isinstance(machine, Calibrated)
    assert not isinstance(booster, Calibrated)


def test_voting_holds_scores_to_a_direction_if_its_members_can() -> None:
    directed = fit_request(monotone=(1, 0, -1, 0, 0))
    part = fitted("voting", {"members": [BOOSTER, FOREST]}, directed).estimator
    X = np.repeat(FRESH[CLASSIFICATION].X[:10], 30, axis=0)
    X[:, 2] = np.tile(np.linspace(-3, 3, 30), 10)
    assert np.diff(scores_of(part, X).reshape(10, 30), axis=1).max() <= 1e-12
    with pytest.raises(ParameterError, match=r"voting\.members\.1: svm cannot hold its score to a direction"):
        fitted("voting", {"members": [BOOSTER, {"estimator": "svm"}]}, directed)


def test_a_member_for_another_kind_of_label_is_named() -> None:
    options = {"members": [BOOSTER, {"estimator": "logistic_regression"}]}
    with pytest.raises(ParameterError, match=r"stacking\.members\.1: logistic_regression is not for numeric labels"):
        fitted("stacking", options, fit_request(REGRESSION))


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (
            {"estimator": "voting"},
            r"voting\.members\.1': expected: an estimator that is no ensemble, and found 'voting'",
        ),
        ({"estimator": "lightgb"}, r"members\.1': .* found 'lightgb'; did you mean 'lightgbm'"),
        (BOOSTER | {"options": {"leaves": 3}}, r"members\.1': expected: options of lightgbm, .* unknown key 'leaves'"),
        (
            BOOSTER | {"options": {"num_leaves": 1}},
            r"members\.1': .*'num_leaves': expected: .* greater than or equal to 2",
        ),
        ({"estimator": "svm", "wieght": 2}, r"unknown key 'model_training\.estimators\.voting\.members\.1\.wieght'"),
    ],
)
def test_a_member_that_cannot_be_is_named_by_its_path(member: dict[str, Any], expected: str) -> None:
    training = {"estimator": "voting", "seed": 1, "estimators": {"voting": {"members": [BOOSTER, member]}}}
    content = {
        "data_processing": {"dataset": "x", "seed": 1},
        "feature_engineering": {},
        "model_training": training,
        "model_evaluation": {"seed": 1},
        "model_registration": {},
    }
    with pytest.raises(ParameterError, match=expected):
        check_parameters(content)


def test_progress_counts_the_fits() -> None:
    told: list[tuple[int, int, float | None]] = []
    request = replace(fit_request(), report=lambda *values: told.append(values))
    fitted("stacking", {"members": [LINEAR[CLASSIFICATION], BOOSTER], "folds": 3}, request)
    assert told == [(done, 8, None) for done in range(1, 9)]
