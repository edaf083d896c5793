import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from apps.ml.errors import BundleError
from apps.ml.models.scoring import scores_of

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(200, 40))
LABELS = (X[:, 0] + X[:, 1] > 0).astype(np.int8)
LINEAR = LogisticRegression().fit(X, LABELS)
FOREST = RandomForestClassifier(n_estimators=5, random_state=0).fit(X, LABELS)


def test_linear_scores_are_those_of_scikit_learn() -> None:
    assert scores_of(LINEAR, X) == pytest.approx(LINEAR.predict_proba(X)[:, 1], abs=1e-14)


def test_forest_scores_are_those_of_scikit_learn_to_the_last_bit() -> None:
    assert (scores_of(FOREST, X) == FOREST.predict_proba(X)[:, 1]).all()
    weighted = RandomForestClassifier(n_estimators=30, random_state=0).fit(X, LABELS, np.where(LABELS, 1.7, 0.4))
    assert (scores_of(weighted, X) == weighted.predict_proba(X)[:, 1]).all()


@given(rows=st.lists(st.integers(0, 199), min_size=1, max_size=50))
@settings(max_examples=30, deadline=None)
def test_a_row_gets_the_same_score_in_any_company(rows: list[int]) -> None:
    for estimator in (LINEAR, FOREST):
        assert (scores_of(estimator, X[rows]) == scores_of(estimator, X)[rows]).all()


def test_memory_order_does_not_matter() -> None:
    assert (scores_of(LINEAR, np.asfortranarray(X)) == scores_of(LINEAR, X)).all()
    assert (scores_of(LINEAR, np.repeat(X, 2, axis=0)[::2]) == scores_of(LINEAR, X)).all()


def test_features_that_are_not_as_many_as_fitted_are_refused() -> None:
    with pytest.raises(BundleError, match="takes 40 encoded features, the transformer gives 39"):
        scores_of(FOREST, X[:, :39])


def test_no_rows_give_no_scores() -> None:
    assert scores_of(FOREST, X[:0]).shape == (0,)


def test_values_beyond_single_precision_are_scored() -> None:
    extreme = np.vstack([X[:1], X[:1]])
    extreme[:, 0] = [1e300, -1e300]
    for estimator in (LINEAR, FOREST):
        scores = scores_of(estimator, extreme)
        assert np.isfinite(scores).all()
        assert scores[0] >= scores[1]


def test_inputs_stay_unaltered_and_may_be_read_only() -> None:
    rows = X.copy()
    rows.flags.writeable = False
    scores_of(LINEAR, rows)
    assert (rows == X).all()
