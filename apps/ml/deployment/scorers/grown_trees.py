"""Trees of every part of the catalogue that is a sum of trees or of steps, in the form of the engines."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.trees import (
    Tree,
    Trees,
    constant_tree,
    just_below,
    single_precision_thresholds,
    tree_of_nodes,
)
from apps.ml.models.parts.additive_model import AdditiveModel, Term
from apps.ml.models.parts.boosted_trees import BoostedTrees
from apps.ml.models.parts.lightgbm_text import check_text
from apps.ml.models.parts.xgboost_text import check_text as check_xgboost
from apps.ml.models.parts.xgboost_trees import XGBoostTrees


def trees_of(estimator: Any) -> Trees | None:
    """Return the trees whose sum is `outputs_of(estimator, X)`; None where the estimator is no sum of trees.

    Sums are made in the estimator's own order; XGBoost's alone may differ in the last bits.
    """
    if isinstance(estimator, BoostedTrees):
        return _of_lightgbm(estimator)
    if isinstance(estimator, XGBoostTrees):
        return _of_xgboost(estimator)
    if isinstance(estimator, AdditiveModel):
        return _of_additive(estimator)
    if hasattr(estimator, "_predictors"):
        return _of_histogram_boosting(estimator)
    trees = getattr(estimator, "estimators_", None)
    return _of_forest(estimator, trees) if trees and all(hasattr(tree, "tree_") for tree in trees) else None


def _of_lightgbm(estimator: BoostedTrees) -> Trees:
    blocks = check_text(estimator.text).model.split("Tree=")[1:]
    return Trees(estimator.n_features_in_, tuple(_lightgbm_tree(block) for block in blocks))


def _lightgbm_tree(block: str) -> Tree:
    fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    leaves = _floats(fields["leaf_value"])
    if len(leaves) == 1:
        return constant_tree(float(leaves[0]))
    whole = {
        key: np.array(fields[key].split(), dtype=np.int64) for key in ("split_feature", "left_child", "right_child")
    }
    return Tree(whole["split_feature"], _floats(fields["threshold"]), whole["left_child"], whole["right_child"], leaves)


def _floats(text: str) -> npt.NDArray[np.float64]:
    return np.array([float(number) for number in text.split()])


def _of_xgboost(estimator: XGBoostTrees) -> Trees:
    """XGBoost goes left where a feature in single precision is below a single-precision number."""
    found = json.loads(estimator.text)["learner"]["gradient_booster"]["model"]["trees"]
    base = constant_tree(check_xgboost(estimator.text).base)
    return Trees(estimator.n_features_in_, (*(_xgboost_tree(tree) for tree in found), base))


def _xgboost_tree(tree: dict[str, Any]) -> Tree:
    left, conditions = np.array(tree["left_children"]), np.array(tree["split_conditions"], dtype=np.float32)
    limits = single_precision_thresholds(np.nextafter(conditions, np.float32(-np.inf)))
    return tree_of_nodes(left != -1, tree["split_indices"], limits, left, tree["right_children"], conditions)


def _of_histogram_boosting(estimator: Any) -> Trees:
    """scikit-learn's histogram boosting adds its trees to a baseline and compares in double precision."""
    nodes = [predictor.nodes for round_ in estimator._predictors for predictor in round_]
    trees = [
        tree_of_nodes(
            one["is_leaf"] == 0, one["feature_idx"], one["num_threshold"], one["left"], one["right"], one["value"]
        )
        for one in nodes
    ]
    baseline = constant_tree(float(np.ravel(estimator._baseline_prediction)[0]))
    return Trees(int(estimator.n_features_in_), (baseline, *trees))


def _of_forest(estimator: Any, found: list[Any]) -> Trees:
    """scikit-learn's forests compare features in single with thresholds in double precision."""
    trees = []
    for one in found:
        tree = one.tree_
        limits = single_precision_thresholds(tree.threshold)
        inner = tree.children_left != -1
        values = tree.value[:, 0, -1]
        trees.append(tree_of_nodes(inner, tree.feature, limits, tree.children_left, tree.children_right, values))
    return Trees(int(estimator.n_features_in_), tuple(trees), float(len(trees)))


def _of_additive(estimator: AdditiveModel) -> Trees:
    terms = tuple(_Steps().tree(term) for term in estimator.terms)
    return Trees(estimator.n_features_in_, (constant_tree(estimator.intercept), *terms))


class _Steps:
    """Turns a term, a table over the bins of one feature or of two, into a tree that halves the bins."""

    def __init__(self) -> None:
        self._nodes: list[list[float]] = []
        self._leaves: list[float] = []

    def tree(self, term: Term) -> Tree:
        limits = [just_below(edges) for edges in term.edges]

        def of_first(row: int) -> int:
            if len(limits) == 1:
                return self._leaf(float(term.scores[row]))
            return self._halved(term.features[1], limits[1], 0, len(limits[1]), lambda column: cell(row, column))

        def cell(row: int, column: int) -> int:
            return self._leaf(float(term.scores[row, column]))

        self._halved(term.features[0], limits[0], 0, len(limits[0]), of_first)
        if not self._nodes:
            return constant_tree(self._leaves[0])
        feature, threshold, left, right = np.array(self._nodes).T
        whole = [numbers.astype(np.int64) for numbers in (feature, left, right)]
        return Tree(whole[0], threshold, whole[1], whole[2], np.array(self._leaves))

    def _halved(
        self, feature: int, limits: npt.NDArray[np.float64], low: int, high: int, end: Callable[[int], int]
    ) -> int:
        """Tell bins low to high apart and return the number of the node, or what `end` gives for a single bin."""
        if low == high:
            return end(low)
        middle, place = (low + high) // 2, len(self._nodes)
        self._nodes.append([feature, limits[middle], 0, 0])
        self._nodes[place][2] = self._halved(feature, limits, low, middle, end)
        self._nodes[place][3] = self._halved(feature, limits, middle + 1, high, end)
        return place

    def _leaf(self, score: float) -> int:
        self._leaves.append(score)
        return -len(self._leaves)
