"""What explanations compare people with, and what of it may leave the place of training."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from apps.ml.evaluation.explanations.basis import (
    FEWEST_ROWS,
    FROM_TRAINING,
    Background,
    Basis,
    needs_background,
    publishable,
)

X = np.random.default_rng(0).normal(size=(40, 3))
LABELS = (X[:, 0] > 0).astype(int)
LINEAR = LogisticRegression().fit(X, LABELS)
FOREST = RandomForestClassifier(n_estimators=2, random_state=0).fit(X, LABELS)
NETWORK = MLPClassifier(hidden_layer_sizes=(2,), max_iter=1, random_state=0)


def basis(rows: int) -> Basis:
    """A basis with so many background rows."""
    return Basis(FROM_TRAINING, Background(X[:rows]), 1, None, None, "by hand")


def test_two_rows_have_the_mean_and_the_deviation_of_all() -> None:
    two = Background(np.array([[1.0, 10.0], [3.0, 10.0], [5.0, 10.0]])).moments()
    assert two.name == "3 training rows"
    assert two.rows.mean(axis=0) == pytest.approx([3.0, 10.0])
    assert two.rows[:, 0] == pytest.approx([3 - np.sqrt(8 / 3), 3 + np.sqrt(8 / 3)])
    assert two.rows[:, 1] == pytest.approx([10.0, 10.0])


def test_moments_of_moments_are_the_same() -> None:
    once = Background(X).moments()
    again = once.moments()
    assert again.rows == pytest.approx(once.rows)
    assert again.name == once.name == "40 training rows"


def test_no_background_row_is_published() -> None:
    background = publishable(basis(40), LINEAR).background
    assert background is not None
    assert len(background.rows) == 2
    assert not np.isin(background.rows, X).any()


@pytest.mark.parametrize("estimator", [FOREST, NETWORK], ids=["needs none", "is sampled"])
def test_where_moments_would_not_serve_there_is_no_background(estimator: object) -> None:
    assert publishable(basis(40), estimator).background is None


def test_what_would_be_made_of_a_few_rows_is_not_published() -> None:
    assert publishable(basis(FEWEST_ROWS - 1), LINEAR).background is None
    assert publishable(basis(FEWEST_ROWS), LINEAR).background is not None


def test_trees_need_no_background_and_others_do() -> None:
    assert [needs_background(one) for one in (FOREST, LINEAR, NETWORK)] == [False, True, True]
