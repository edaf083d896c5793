"""Every estimator is explained: exactly where there is a method, by sampled orders of the columns elsewhere."""

from functools import cache
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.evaluation.explanations.contributions.sampled import PAIRS, sampled_contributions, states_per_row
from apps.ml.evaluation.explanations.contributions.shap_values import (
    ROWS_AT_LEAST,
    SAMPLED_ROWS,
    affordable_rows,
    contributions_of,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.models.parts.part import ExplainedPart
from apps.ml.models.scoring import scores_of
from apps.ml.tests.code.models.learnable_rows import CASES, learnable_rows, trained

SOURCES = ("age", "city", "city", "debt", "noise")
SAMPLED = ("svm", "mlp")


class Model:
    """A fitted estimator as a bundle shows it; `ignored` columns come after the features that it takes."""

    def __init__(self, estimator: Any, ignored: int = 0) -> None:
        self.estimator, self.ignored = estimator, ignored

    def score_encoded(self, X: FloatArray) -> FloatArray:
        return scores_of(self.estimator, X[:, : X.shape[1] - self.ignored])

    def contributions(self, X: FloatArray) -> FloatArray | None:
        if not isinstance(self.estimator, ExplainedPart):
            return None
        found = self.estimator.contributions(X[:, : X.shape[1] - self.ignored])
        return np.insert(found, [found.shape[1] - 1] * self.ignored, 0.0, axis=1)


@cache
def model(name: str, task: Task = CLASSIFICATION, method: str = "as_needed") -> Model:
    return Model(trained(name, task, calibration={"method": method}).estimator)


def exact_shapley(row: FloatArray, background: FloatArray, score: Any) -> FloatArray:
    """Interventional Shapley values of four columns over all 16 coalitions, straight from the definition."""
    features = {"age": [0], "city": [1, 2], "debt": [3], "noise": [4]}
    names, values = list(features), np.zeros(4)

    def worth(coalition: tuple[str, ...]) -> float:
        rows = background.copy()
        taken = [feature for name in coalition for feature in features[name]]
        rows[:, taken] = row[taken]
        return float(score(rows).mean())

    for position, name in enumerate(names):
        others = [other for other in names if other != name]
        for size in range(4):
            share = factorial(size) * factorial(3 - size) / factorial(4)
            for coalition in combinations(others, size):
                values[position] += share * (worth((*coalition, name)) - worth(coalition))
    return values


@pytest.mark.parametrize(("name", "task"), CASES)
def test_contributions_of_every_estimator_add_up_to_each_score(name: str, task: Task) -> None:
    found = contributions_of(model(name, task), learnable_rows(25, 3).X, learnable_rows(60, 4).X, SOURCES)
    assert found.is_defined
    assert found.columns == ("age", "city", "debt", "noise")
    assert found.values.shape == (25, 4)
    assert (found.sampling_error is not None) == (name in SAMPLED)
    sampled_or_forest = name in (*SAMPLED, "random_forest", "extra_trees")
    assert found.output == ("value" if task == REGRESSION else "probability" if sampled_or_forest else "log-odds")


@pytest.mark.parametrize(
    ("name", "method", "output"),
    [
        ("linear_svm", "isotonic", "probability"),
        ("random_forest", "sigmoid", "log-odds"),
        ("naive_bayes", "sigmoid", "log-odds"),
        ("lightgbm", "sigmoid", "log-odds"),
        ("lightgbm", "isotonic", "probability"),
    ],
)
def test_a_sigmoid_stays_exact_and_steps_are_sampled(name: str, method: str, output: str) -> None:
    found = contributions_of(model(name, method=method), learnable_rows(10, 3).X, learnable_rows(60, 4).X, SOURCES)
    assert found.is_defined
    assert found.output == output
    assert (found.sampling_error is None) == (method == "sigmoid")


@pytest.mark.parametrize(
    ("name", "method"), [("logistic_regression", "none"), ("svm", "as_needed"), ("mlp", "isotonic")]
)
def test_a_column_that_the_estimator_does_not_look_at_adds_nothing(name: str, method: str) -> None:
    plain = model(name, method=method)
    beside = Model(plain.estimator, ignored=1)
    X, background = learnable_rows(5, 3).X, learnable_rows(30, 4).X
    coded = [np.column_stack([rows, np.arange(len(rows)) % 2]) for rows in (X, background)]
    found = contributions_of(beside, coded[0], coded[1], (*SOURCES, "fairmind:group:sex"))
    assert found.columns[-1] == "fairmind:group:sex"
    assert (found.values[:, -1] == 0).all()
    assert found.is_defined


def test_naive_bayes_contributions_are_the_terms_less_their_mean() -> None:
    naive = model("naive_bayes")
    X, background = learnable_rows(6, 3).X, learnable_rows(40, 4).X
    found = contributions_of(naive, X, background, tuple("abcde"))
    from scipy.special import logit

    def score(rows: FloatArray) -> FloatArray:
        return np.asarray(logit(naive.score_encoded(rows)))

    moved = np.repeat(background, 2, axis=0)
    moved[::2, 2] = X[0, 2]
    expected = score(moved)[::2].mean() - score(moved)[1::2].mean()
    assert found.values[0, 2] == pytest.approx(expected, abs=1e-8)


def test_sampled_contributions_of_a_sum_are_exact_and_have_no_scatter_but_that_of_the_background() -> None:
    X, background = learnable_rows(4, 3).X, learnable_rows(PAIRS, 4).X
    weights = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    features = [np.array([position]) for position in range(5)]
    found = sampled_contributions(lambda rows: rows @ weights, X, background, features, seed=1)
    np.testing.assert_allclose(found.values, (X - background.mean(axis=0)) * weights, atol=1e-12)
    np.testing.assert_allclose(found.base, background.mean(axis=0) @ weights)


def test_sampled_contributions_are_near_those_of_all_coalitions_by_their_own_error() -> None:
    network, X, background = model("mlp"), learnable_rows(12, 3).X, learnable_rows(200, 4).X
    found = contributions_of(network, X, background, SOURCES, seed=2)
    exact = np.vstack([exact_shapley(row, background, network.score_encoded) for row in X])
    scatter = float(np.sqrt(np.mean((found.values - exact) ** 2)))
    assert found.sampling_error is not None
    assert 0.4 < scatter / found.sampling_error < 2.0
    assert found.sampling_error < 0.3 * float(np.abs(exact).max())


def test_sampling_depends_on_the_seed_alone_and_leaves_its_input() -> None:
    X, background = learnable_rows(5, 3).X, learnable_rows(60, 4).X
    X.flags.writeable = background.flags.writeable = False
    first, again, other = (contributions_of(model("mlp"), X, background, SOURCES, seed).values for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_a_background_of_one_row_has_no_error_to_tell() -> None:
    found = contributions_of(model("mlp"), learnable_rows(5, 3).X, learnable_rows(1, 4).X, SOURCES)
    assert found.is_defined
    assert found.sampling_error is None


def test_sampling_is_limited_and_more_so_for_many_support_vectors() -> None:
    class Machine:
        support_vectors_ = np.zeros((20_000, 100))

    assert affordable_rows(model("mlp").estimator, 1000, 10) == SAMPLED_ROWS
    assert affordable_rows(model("mlp").estimator, 100, 10) == 100
    assert affordable_rows(Machine(), 1000, 10) == ROWS_AT_LEAST
    assert affordable_rows(model("lightgbm").estimator, 1000, 10) == 1000
    assert states_per_row(10) == 2 * PAIRS * 11
