"""Tables of trees give what walking the trees gives, and are not used where they do not."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest

from apps.ml.deployment.explaining import leaf_contributions as tables_module
from apps.ml.deployment.explaining import leaf_patterns as patterns_module
from apps.ml.deployment.explaining.leaf_contributions import leaf_contributions
from apps.ml.deployment.explaining.leaf_neighbours import leaf_neighbours
from apps.ml.deployment.explaining.leaf_patterns import leaf_patterns
from apps.ml.deployment.explaining.reason_part import ReasonPart
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.explaining.tree_leaves import TreeLeaves, leaves_of
from apps.ml.deployment.explaining.tree_tables import agrees, tree_tables
from apps.ml.models.parts.boosted_trees import BoostedTrees
from apps.ml.tests.code.deployment.explaining.conftest import Explained

FEATURES = 6


def grown(
    leaves: int = 12, rounds: int = 15, rows: int = 400, features: int = FEATURES
) -> tuple[BoostedTrees, np.ndarray[Any, Any]]:
    """Trees on made-up features, two of them 0 or 1, and other rows."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows + 50, features))
    X[:, 4:6] = X[:, 4:6] > 0
    y = X[:, 0] * X[:, 1] + X[:, 4] - X[:, 2] ** 2 + X[:, 6:].sum(axis=1) > 0
    options = {"objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 3, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(X[:rows], y[:rows]), num_boost_round=rounds)
    return BoostedTrees(booster.model_to_string()), X[rows:]


def test_contributions_from_tables_are_the_library_s() -> None:
    trees, rows = grown()
    tables = leaf_contributions(leaves_of(trees), FEATURES)
    assert tables is not None
    found = np.array([tables.of_row(tables.leaves.patterns(row)) for row in rows])
    own = trees.contributions(rows)
    assert found == pytest.approx(own[:, :-1], abs=1e-12)
    assert tables.leaves.base == pytest.approx(own[0, -1], abs=1e-12)


@pytest.mark.parametrize(("leaves", "features"), [(4, FEATURES), (200, 30)])
def test_packed_patterns_are_those_that_every_side_says(leaves: int, features: int) -> None:
    trees, rows = grown(leaves, features=features)
    found = leaves_of(trees)
    patterns = leaf_patterns(found)
    assert patterns is not None
    assert (found.count.max() > 8) == (leaves == 200)
    at_limits = np.where(np.isfinite(found.at_most), found.at_most, 0.0)
    for row in rows[:20]:
        for x in (row, np.where(np.arange(features) == found.feature[3], at_limits[3], row)):
            assert patterns.of_row(x).tolist() == found.patterns(x).tolist()


def test_a_leaf_that_no_training_row_reached_leaves_the_trees_to_the_library() -> None:
    found = leaves_of(grown()[0])
    assert leaf_contributions(replace(found, share=np.where(found.leaf == 2, 0.0, found.share)), FEATURES) is None


def test_a_tree_by_hand() -> None:
    """One split at 0: 3 of 4 training rows go left to −1, one right to 2; the mean is −.25."""
    leaves = TreeLeaves(
        value=np.array([-1.0, 2.0]),
        first=np.array([0, 1]),
        count=np.array([1, 1]),
        feature=np.array([0, 0]),
        above=np.array([-np.inf, 0.0]),
        at_most=np.array([0.0, np.inf]),
        share=np.array([0.75, 0.25]),
        leaf=np.array([0, 1]),
        bit=np.array([1, 1]),
        base=-0.25,
    )
    tables = leaf_contributions(leaves, 1)
    assert tables is not None
    left, right = (tables.of_row(leaves.patterns(np.array([x]))) for x in (0.0, 0.1))
    assert (left[0], right[0]) == pytest.approx((-0.75, 2.25))


def test_replaced_columns_get_the_outputs_that_the_trees_give() -> None:
    trees, rows = grown()
    columns = np.array([0, 1, 2, 2, 3, 3])
    generator = np.random.default_rng(5)
    values = [generator.permutation(rows)[:size] for size in (7, 1, 5, 3)]
    neighbours = leaf_neighbours(leaves_of(trees), columns, values)
    for row in rows[:20]:
        own, outputs = neighbours.outputs(neighbours.leaves.patterns(row))
        replaced = [np.where(columns == column, value, row) for column, taken in enumerate(values) for value in taken]
        assert own == pytest.approx(trees.log_odds(row[None])[0], abs=1e-12)
        assert outputs == pytest.approx(trees.log_odds(np.array(replaced)), abs=1e-12)


def test_trees_of_one_leaf_move_nothing() -> None:
    trees, rows = grown(rows=4, rounds=2)
    leaves = leaves_of(trees)
    assert len(leaves.value) == 0
    assert leaves.base == pytest.approx(trees.log_odds(rows[:1])[0])
    assert leaf_contributions(leaves, FEATURES) is None


def test_trees_whose_tables_would_be_too_large_are_left_to_the_library(
    loans: Explained, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees, _ = grown()
    monkeypatch.setattr(tables_module, "TABLE_BYTES", 1000)
    assert leaf_contributions(leaves_of(trees), FEATURES) is None
    assert tree_tables(loans.model.bundle, None) is None


def test_trees_whose_patterns_would_be_too_large_are_left_to_the_library(
    loans: Explained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns_module, "TABLE_BYTES", 1000)
    assert tree_tables(loans.model.bundle, None) is None


def test_tables_that_give_other_numbers_are_not_used() -> None:
    trees, _ = grown()
    leaves = leaves_of(trees)
    just_below = np.where(np.isinf(leaves.at_most), np.inf, np.nextafter(leaves.at_most, -np.inf))
    for wrong in (
        replace(leaves, base=leaves.base + 1e-6),
        replace(leaves, value=leaves.value * (1 + 1e-6)),
        replace(leaves, share=leaves.share * 0.999),
        replace(leaves, at_most=just_below),
    ):
        tables = leaf_contributions(wrong, FEATURES)
        patterns = leaf_patterns(wrong)
        assert tables is not None
        assert patterns is not None
        assert not agrees(patterns, tables, trees)
    tables = leaf_contributions(leaves, FEATURES)
    patterns = leaf_patterns(leaves)
    assert tables is not None
    assert patterns is not None
    assert agrees(patterns, tables, trees)


def test_eight_threads_get_what_one_gets(loans: Explained) -> None:
    what = Wanted(counterfactual=True)
    assert isinstance(loans.explainer.reasons, ReasonPart)
    rows = np.arange(24)
    alone = loans.explainer.explain_frame(*loans.chosen(rows), what)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda row: loans.explainer.explain_frame(*loans.chosen([row]), what)[0], rows))
    assert found == alone
