"""Every engine puts every row into the leaf that its library puts it into, and adds in the library's order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)

from apps.ml.deployment.scorers.grown_trees import trees_of
from apps.ml.deployment.scorers.leaf_tables import LeafTables
from apps.ml.deployment.scorers.lightgbm_engine import LightGBMTrees
from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.onnx_engine import OnnxTrees
from apps.ml.deployment.scorers.tree_engines import MANY_ROWS, NEARLY_ZERO, GrownTrees, ManyRows, SingleRows, TreeEngine
from apps.ml.deployment.scorers.trees import (
    Tree,
    Trees,
    constant_tree,
    single_precision_thresholds,
    thresholds_by_feature,
)
from apps.ml.models.outputs import outputs_of
from apps.ml.models.parts.additive_model import AdditiveModel, Term

RANDOM = np.random.default_rng(8)
FEATURES = 12
X = RANDOM.normal(size=(400, FEATURES))
X[:, 3:] = np.round(X[:, 3:])
VALUES = X[:, 0] + X[:, 1] ** 2 + X[:, 4] * X[:, 5] + 0.1 * RANDOM.normal(size=len(X))
LABELS = (VALUES > 1).astype(np.int8)
TERMS = (
    Term((0,), (np.sort(RANDOM.normal(size=9)),), RANDOM.normal(size=10)),
    Term((4, 1), (np.array([-1.0, 0.0, 1.0]), np.sort(RANDOM.normal(size=5))), RANDOM.normal(size=(4, 6))),
    Term((2,), (np.empty(0),), np.array([0.5])),
)
FITTED: dict[str, Any] = {
    "forest": RandomForestClassifier(7, max_leaf_nodes=30, random_state=0).fit(X, LABELS),
    "forest of values": ExtraTreesRegressor(5, max_leaf_nodes=50, random_state=0).fit(X, VALUES),
    "boosting": HistGradientBoostingClassifier(max_iter=9, max_leaf_nodes=12).fit(X, LABELS),
    "boosting of values": HistGradientBoostingRegressor(max_iter=9, max_leaf_nodes=64, min_samples_leaf=3).fit(
        X, VALUES
    ),
    "additive": AdditiveModel(FEATURES, "value", 0.25, TERMS),
}
ENGINES: dict[str, Callable[[Trees], ManyRows]] = {
    "tables": LeafTables,
    "onnxruntime": OnnxTrees,
    "lightgbm": SingleRows,
}


def rows_at_thresholds(trees: Trees, rows: int) -> np.ndarray:
    """Rows of which every feature lies at a threshold, or one step of single or double precision beside it."""
    random, found = np.random.default_rng(1), X[:rows].copy()
    for feature, limits in thresholds_by_feature([trees]).items():
        step = random.integers(0, 5, rows)
        at = random.choice(limits, rows)
        narrow = at.astype(np.float32)
        near = [
            at,
            np.nextafter(at, -np.inf),
            np.nextafter(at, np.inf),
            np.nextafter(narrow, np.float32(-np.inf)).astype(np.float64),
            np.nextafter(narrow, np.float32(np.inf)).astype(np.float64),
        ]
        found[:, feature] = np.choose(step, near)
    return found


@pytest.mark.parametrize("engine", MANY_ROWS)
@pytest.mark.parametrize("name", FITTED)
def test_sums_are_those_of_the_library_to_the_last_bit(name: str, engine: str) -> None:
    estimator = FITTED[name]
    trees = trees_of(estimator)
    assert trees is not None
    rows = np.concatenate([X, rows_at_thresholds(trees, 300)])
    formula = TreeEngine(engine, GrownTrees()).sums(estimator)
    assert formula is not None
    np.testing.assert_array_equal(formula.rows(rows), outputs_of(estimator, rows))


@pytest.mark.parametrize("name", FITTED)
def test_single_rows_get_the_same(name: str) -> None:
    trees = trees_of(FITTED[name])
    assert trees is not None
    x, rows = np.empty(FEATURES), rows_at_thresholds(trees, 100)
    formula = TreeEngine("lightgbm", GrownTrees()).sums(FITTED[name])
    assert formula is not None
    score, found = formula.bind(x), []
    for row in rows:
        x[:] = row
        found.append(score())
    np.testing.assert_array_equal(found, outputs_of(FITTED[name], rows))


def test_features_that_lightgbm_takes_for_zero_are_left_to_the_estimator() -> None:
    """The additive model splits one feature right at 0; LightGBM's library alone would not see the difference."""
    estimator, rows = FITTED["additive"], np.zeros((3, FEATURES))
    rows[:, 4] = (-NEARLY_ZERO / 2, 0.0, NEARLY_ZERO / 2)
    expected = outputs_of(estimator, rows)
    assert expected[0] != expected[1]
    trees, formula = trees_of(estimator), TreeEngine("lightgbm", GrownTrees()).sums(estimator)
    assert trees is not None
    assert formula is not None
    assert SingleRows(trees).rows(rows)[0] != expected[0]
    np.testing.assert_array_equal(formula.rows(rows), expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_rows_give_no_sums(engine: str) -> None:
    trees = trees_of(FITTED["boosting"])
    assert trees is not None
    assert ENGINES[engine](trees).rows(X[:0]).shape == (0,)


def test_a_sum_by_hand() -> None:
    """The first tree gives 1 up to 0.5 and 2 beyond, the constant 10; both are halved."""
    split = Tree(np.array([1]), np.array([0.5]), np.array([-1]), np.array([-2]), np.array([1.0, 2.0]))
    trees = Trees(2, (split, constant_tree(10.0)), divisor=2.0)
    rows = np.array([[9.0, 0.5], [-9.0, np.nextafter(0.5, 1.0)]])
    for engine in ENGINES.values():
        assert engine(trees).rows(rows).tolist() == [5.5, 6.0]


@given(
    threshold=st.floats(-1e30, 1e30),
    steps=st.integers(-2, 2),
)
@settings(max_examples=300, deadline=None)
def test_a_double_passes_the_moved_threshold_exactly_where_its_rounding_passes_the_original(
    threshold: float, steps: int
) -> None:
    moved = float(single_precision_thresholds([threshold])[0])
    number = moved
    for _ in range(abs(steps)):
        number = float(np.nextafter(number, np.inf if steps > 0 else -np.inf))
    assert (number <= moved) == (float(np.float32(number)) <= threshold)


def test_half_way_numbers_go_where_single_precision_rounds_them() -> None:
    assert single_precision_thresholds([1.0])[0] == 1.0 + 2.0**-24
    next_up = 1.0 + 2.0**-23
    assert single_precision_thresholds([next_up])[0] == np.nextafter(1.0 + 3 * 2.0**-24, 0.0)


def test_trees_that_do_not_fit_into_tables_are_refused() -> None:
    large = trees_of(RandomForestClassifier(1, random_state=0).fit(X, RANDOM.integers(0, 2, len(X))))
    assert large is not None
    with pytest.raises(NotCompiledError, match=r"trees of up to \d+ leaves, tables hold 2 to 64"):
        LeafTables(large)
    with pytest.raises(NotCompiledError, match="trees of up to 1 leaves, tables hold 2 to 64"):
        LeafTables(Trees(2, (constant_tree(1.0),)))


def test_estimators_without_trees_have_none() -> None:
    assert trees_of(object()) is None


def test_a_text_that_the_library_does_not_take_is_refused() -> None:
    with pytest.raises(NotCompiledError, match="LightGBM's library refuses"):
        LightGBMTrees("tree\nno head\n\n", 3, raw=True)
