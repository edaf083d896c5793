"""Scores that are held to a direction never move against it, even where the rows say the opposite."""

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.catalogue.bounded_fit import bounded_logistic, bounded_ridge
from apps.ml.models.fitting import Rows
from apps.ml.tests.code.models.learnable_rows import CASES, FEATURES, learnable_rows, trained

MONOTONE = [(name, task) for name, task in CASES if ESTIMATORS[name].takes_monotone]
DIRECTIONS = {"a": "increasing", "b": "increasing", "e": "decreasing"}
"""The label rises with a and falls with b; e does not matter."""


def sweep(column: int) -> np.ndarray:
    """60 rows, each with 25 values of one column, ascending: [60, 25, k]."""
    X = np.repeat(learnable_rows(60, 8).X[:, None, :], 25, axis=1)
    X[:, :, column] = np.linspace(-4, 4, 25)
    return X


@pytest.mark.parametrize(("name", "task"), MONOTONE)
def test_scores_are_monotone_in_the_columns_that_have_a_direction(name: str, task: Task) -> None:
    free, held = trained(name, task), trained(name, task, monotone=DIRECTIONS)

    def steps(model: object, column: int) -> np.ndarray:
        scores = model.scores(sweep(column).reshape(-1, FEATURES)).reshape(60, 25)  # type: ignore[attr-defined]
        return np.diff(scores, axis=1)

    assert (steps(free, 1) < 0).any()
    for column, sign in ((0, 1), (1, 1), (4, -1)):
        assert (sign * steps(held, column) >= 0).all()
    assert (steps(held, 0) > 0).any()
    assert held.converged


def test_a_forest_that_is_calibrated_stays_monotone() -> None:
    held = trained("random_forest", monotone=DIRECTIONS, calibration={"method": "isotonic", "folds": 3})
    scores = held.scores(sweep(1).reshape(-1, FEATURES)).reshape(60, 25)
    assert (np.diff(scores, axis=1) >= 0).all()


def test_what_can_be_monotone() -> None:
    assert {name for name, _ in MONOTONE} == {
        "logistic_regression",
        "linear_regression",
        "random_forest",
        "extra_trees",
    }


def test_bounds_that_do_not_bind_change_nothing() -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    weights = np.random.default_rng(1).uniform(0.5, 2.0, 400)
    drawn = learnable_rows(400, 3)
    logistic = bounded_logistic(Rows(drawn.X, drawn.labels, weights), 0.3, (1, -1, 0, 0, 0), 1000)
    expected = LogisticRegression(C=0.3, tol=1e-10, max_iter=1000).fit(drawn.X, drawn.labels, weights)
    np.testing.assert_allclose(logistic.weights, expected.coef_[0], atol=1e-5)
    assert logistic.intercept == pytest.approx(expected.intercept_[0], abs=1e-5)
    numbers = learnable_rows(400, 3, REGRESSION)
    ridge = bounded_ridge(Rows(numbers.X, numbers.labels, weights), 4.0, (1, -1, 0, 0, 0))
    least = Ridge(alpha=4.0).fit(numbers.X, numbers.labels, weights)
    np.testing.assert_allclose(ridge.weights, least.coef_, rtol=1e-8)
    assert ridge.intercept == pytest.approx(least.intercept_, rel=1e-9)


def test_a_bound_fit_is_the_fit_without_the_feature_when_one_bound_binds() -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    drawn, numbers = learnable_rows(400, 3), learnable_rows(400, 3, REGRESSION)
    signs, others = (0, 1, 0, 0, 0), [0, 2, 3, 4]
    logistic = bounded_logistic(Rows(drawn.X, drawn.labels), 1.0, signs, 1000)
    expected = LogisticRegression(tol=1e-10, max_iter=1000).fit(drawn.X[:, others], drawn.labels)
    assert logistic.weights[1] == 0.0
    np.testing.assert_allclose(logistic.weights[others], expected.coef_[0], atol=1e-5)
    ridge = bounded_ridge(Rows(numbers.X, numbers.labels), 1.0, signs)
    assert ridge.weights[1] == 0.0
    np.testing.assert_allclose(
        ridge.weights[others], Ridge().fit(numbers.X[:, others], numbers.labels).coef_, rtol=1e-8
    )


def test_a_bounded_fit_that_stops_at_its_limit_is_recorded_as_not_converged() -> None:
    assert CLASSIFICATION in ESTIMATORS["logistic_regression"].tasks
    options = {"logistic_regression": {"max_iter": 1}}
    assert not trained("logistic_regression", monotone=DIRECTIONS, estimators=options).converged
