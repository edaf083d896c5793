"""What estimators compute, held to scikit-learn's own answers, and unchanged by company and threads."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR
from threadpoolctl import threadpool_limits

from apps.ml.errors import BundleError
from apps.ml.models.outputs import log_odds, outputs_of, scale_of
from apps.ml.models.row_products import BLOCK, row_products
from apps.ml.models.scoring import scores_of

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(300, 30))
VALUES = X[:, 0] + X[:, 1] ** 2 + 0.3 * RANDOM.normal(size=300)
LABELS = (VALUES > 1).astype(np.int8)
NETWORK: dict[str, Any] = {"random_state": 0, "max_iter": 500, "tol": 1e-2}
FITTED: dict[str, Any] = {
    "logistic": LogisticRegression().fit(X, LABELS),
    "least squares": Ridge().fit(X, VALUES),
    "linear margin": LinearSVC().fit(X, LABELS),
    "linear value": LinearSVR(loss="squared_epsilon_insensitive", dual=False).fit(X, VALUES),
    "rbf": SVC().fit(X, LABELS),
    "poly": SVC(kernel="poly").fit(X, LABELS),
    "sigmoid": SVC(kernel="sigmoid", gamma=0.01).fit(X, LABELS),
    "rbf value": SVR(gamma=0.05).fit(X, VALUES),
    "bayes": GaussianNB().fit(X, LABELS),
    "forest": ExtraTreesClassifier(5, random_state=0).fit(X, LABELS),
    "forest value": RandomForestRegressor(5, random_state=0).fit(X, VALUES),
    "boosting": HistGradientBoostingClassifier(max_iter=5).fit(X, LABELS),
}
for _layers in ((16,), (40, 300, 8)):
    FITTED[f"network {_layers}"] = MLPClassifier(_layers, **NETWORK).fit(X, LABELS)
FITTED["network value"] = MLPRegressor(hidden_layer_sizes=(16,), **NETWORK).fit(X, VALUES)


def answer_of_scikit_learn(estimator: Any) -> np.ndarray:
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X)[:, 1])
    return np.asarray(estimator.decision_function(X) if hasattr(estimator, "classes_") else estimator.predict(X))


@pytest.mark.parametrize("name", FITTED)
def test_answers_are_those_of_scikit_learn(name: str) -> None:
    estimator = FITTED[name]
    found = outputs_of(estimator, X) if scale_of(estimator) == "margin" else scores_of(estimator, X)
    np.testing.assert_allclose(found, answer_of_scikit_learn(estimator), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["forest", "forest value", "boosting"])
def test_answers_of_trees_are_those_of_scikit_learn_to_the_last_bit(name: str) -> None:
    assert (scores_of(FITTED[name], X) == answer_of_scikit_learn(FITTED[name])).all()


@given(rows=st.lists(st.integers(0, 299), min_size=1, max_size=40), name=st.sampled_from(sorted(FITTED)))
@settings(max_examples=100, deadline=None)
def test_a_row_gets_the_same_number_in_any_company(rows: list[int], name: str) -> None:
    assert (outputs_of(FITTED[name], X[rows]) == outputs_of(FITTED[name], X)[rows]).all()


@pytest.mark.parametrize("name", FITTED)
def test_the_number_of_threads_does_not_matter(name: str) -> None:
    with threadpool_limits(limits=1):
        alone = outputs_of(FITTED[name], X)
    with threadpool_limits(limits=2):
        assert (outputs_of(FITTED[name], X) == alone).all()


def test_scales() -> None:
    scales = {name: scale_of(estimator) for name, estimator in FITTED.items()}
    assert {name for name, scale in scales.items() if scale == "margin"} == {"linear margin", "rbf", "poly", "sigmoid"}
    assert {name for name, scale in scales.items() if scale == "probability"} == {"forest"}
    assert {name for name, scale in scales.items() if scale == "value"} == {
        "least squares",
        "linear value",
        "rbf value",
        "forest value",
        "network value",
    }


def test_margins_are_no_scores() -> None:
    with pytest.raises(BundleError, match=r"a LinearSVC gives margins and no probabilities\. Train it with"):
        scores_of(FITTED["linear margin"], X)


def test_log_odds_by_hand() -> None:
    assert log_odds(np.array([0.5, 0.8])) == pytest.approx([0.0, np.log(4)])
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


@given(st.integers(1, 70), st.integers(1, 300), st.integers(1, 9), st.booleans())
@settings(max_examples=40, deadline=None)
def test_products_of_rows_are_matrix_products_whoever_stands_beside(k: int, m: int, n: int, turned: bool) -> None:
    random = np.random.default_rng(k * m)
    rows, W = random.normal(size=(n, k)), random.normal(size=(m, k)).T if turned else random.normal(size=(k, m))
    found = row_products(rows, W)
    np.testing.assert_allclose(found, rows @ W, atol=1e-12)
    assert (row_products(rows[-1:], W) == found[-1:]).all()
    assert BLOCK < 9216
