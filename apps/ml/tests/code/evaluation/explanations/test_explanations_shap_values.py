import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from apps.ml.evaluation.explanations.contributions.shap_values import (
    NOISE,
    Contributions,
    additivity_error,
    affordable_rows,
    by_source_column,
    checked,
    contributions_of,
)
from apps.ml.evaluation.explanations.scored_model import LOCAL_ROWS, FloatArray, sample_rows
from apps.ml.tests.small_evaluation import FEATURES, SOURCES, LinearModel, encoded_rows

# Importing SHAP sets colours in a way that matplotlib will deprecate.


class FittedModel:
    """An estimator of scikit-learn as the explanations see it."""

    def __init__(self, estimator: object) -> None:
        generator = np.random.default_rng(5)
        X = encoded_rows(400, seed=2)
        labels = X[:, 0] * X[:, 3] + X[:, 1] + generator.normal(size=400) > 0.5
        self.estimator = estimator.fit(X, labels.astype(int))  # type: ignore[attr-defined]

    def score_encoded(self, X: FloatArray) -> FloatArray:
        return np.asarray(self.estimator.predict_proba(X)[:, 1])

    def contributions(self, X: FloatArray) -> FloatArray | None:  # noqa: ARG002
        return None


def explained(model: object, rows: int = 30) -> Contributions:
    return contributions_of(model, encoded_rows(rows), encoded_rows(40, seed=1), FEATURES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("estimator", "output"),
    [
        (LogisticRegression(), "log-odds"),
        (HistGradientBoostingClassifier(max_iter=20, random_state=0), "log-odds"),
        (RandomForestClassifier(10, min_samples_leaf=5, random_state=0), "probability"),
        (ExtraTreesClassifier(10, min_samples_leaf=5, random_state=0), "probability"),
        (GaussianNB(), "log-odds"),
    ],
)
def test_contributions_and_base_value_give_the_score_of_every_row(estimator: object, output: str) -> None:
    model = FittedModel(estimator)
    found = explained(model)
    scores = model.score_encoded(encoded_rows(30))
    expected = np.log(scores / (1 - scores)) if output == "log-odds" else scores
    assert found.output == output
    assert found.is_defined
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, expected, rtol=1e-6, atol=1e-6)


def test_linear_contributions_are_the_weight_times_the_distance_from_the_background_mean() -> None:
    model = FittedModel(LogisticRegression())
    distance = encoded_rows(30) - encoded_rows(40, seed=1).mean(axis=0)
    found = explained(model)
    np.testing.assert_allclose(found.values, distance * model.estimator.coef_[0], atol=1e-9)
    assert "40 training rows" in found.method


def test_a_models_own_contributions_are_taken_and_their_method_is_named() -> None:
    found = explained(LinearModel())
    assert found.method == "native tree contributions, path-dependent"
    assert found.additivity_error == NOISE


def test_contributions_that_miss_one_score_are_undefined() -> None:
    model = LinearModel()
    X = encoded_rows(10)
    native = model.contributions(X)
    assert native is not None
    native[3, 0] += 0.01
    found = checked(
        Contributions("made up", "log-odds", FEATURES, native[:, :-1], native[:, -1]), model.score_encoded(X)
    )
    assert found.undefined is not None
    assert "more than the 1e-06 allowed" in found.undefined
    assert found.additivity_error == pytest.approx(0.01, rel=0.5)


def test_contributions_that_are_not_finite_are_infinitely_wrong() -> None:
    assert additivity_error(np.array([np.nan]), np.array([0.5]), "log-odds") == float("inf")


def test_saturated_scores_are_compared_as_probabilities() -> None:
    assert additivity_error(np.array([50.0, -50.0]), np.array([1.0, 0.0]), "log-odds") < 1e-12
    assert additivity_error(np.array([0.0]), np.array([1.0]), "log-odds") == pytest.approx(0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=4, max_size=4))
def test_summing_by_source_column_keeps_each_rows_total(sources: list[str]) -> None:
    found = explained(LinearModel(), rows=7)
    summed = by_source_column(found, sources)
    assert summed.columns == tuple(dict.fromkeys(sources))
    np.testing.assert_allclose(summed.values.sum(axis=1), found.values.sum(axis=1))


def test_features_of_one_column_are_summed() -> None:
    found = explained(LinearModel(), rows=5)
    summed = by_source_column(found, SOURCES)
    np.testing.assert_allclose(summed.values[:, 1], found.values[:, 1] + found.values[:, 2])


def test_a_forest_of_large_trees_is_explained_on_fewer_rows_and_others_on_all() -> None:
    class Tree:
        def get_n_leaves(self) -> int:
            return 10_000

        def get_depth(self) -> int:
            return 30

    class Forest:
        estimators_ = (Tree(),) * 10

    assert affordable_rows(Forest(), 500) == 222
    assert affordable_rows(FittedModel(LogisticRegression()).estimator, 500) == 500
    assert affordable_rows(Forest(), 20) == 20


def test_sampled_rows_are_distinct_ascending_and_the_same_for_the_same_seed() -> None:
    first, again = sample_rows(100, 20, 7, LOCAL_ROWS), sample_rows(100, 20, 7, LOCAL_ROWS)
    assert first.tolist() == again.tolist() == sorted(set(first.tolist()))
    assert first.tolist() != sample_rows(100, 20, 8, LOCAL_ROWS).tolist()
    assert sample_rows(3, 20, 7, LOCAL_ROWS).tolist() == [0, 1, 2]
