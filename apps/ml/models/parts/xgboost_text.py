"""XGBoost's JSON, checked before XGBoost reads it: its prediction follows the numbers of nodes without looking."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.parts.numbers import REPAIR, CheckedContent, parsed
from apps.ml.models.parts.tree_nodes import lead_forward

LARGEST = float(np.finfo(np.float32).max)
LOGISTIC, SQUARED = "binary:logistic", "reg:squarederror"
OUTPUTS = {LOGISTIC: "log-odds", SQUARED: "value"}
"""Objective → scale on which the trees add up."""

BEGINNING = '{"'
"""By the second character XGBoost tells text from its binary JSON."""

NO_PARENT = 2**31 - 1
FLOAT_FIELDS = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
EMPTY_FIELDS = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
INDEX_FIELDS = ("left_children", "right_children", "parents", "split_indices", "split_type", "default_left")
TREE_FIELDS = (*FLOAT_FIELDS, *EMPTY_FIELDS, *INDEX_FIELDS, "id", "tree_param")
NO_CATEGORIES: dict[str, list[Any]] = {"enc": [], "feature_segments": [], "sorted_idx": []}

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class XGBoostText:
    """A checked model.

    `output`: `log-odds` or `value`, the scale on which the trees add up. `base`: what they are added to. `leaves`:
    float64, the value of every node of every tree, one tree after the other (of inner nodes: without meaning).
    `starts` int64 [trees]: where each tree begins in it.
    """

    features: int
    output: str
    base: float
    leaves: Numbers
    starts: npt.NDArray[np.int64]


def check_text(text: str, origin: str = "the model of XGBoost") -> XGBoostText:
    """Check a JSON text of XGBoost and return what scoring needs of it.

    Raises
    ------
    BundleError
        It is no such text for a binary or numeric label without categories, or one of its trees is unsound.
    """
    if not text.startswith(BEGINNING):
        raise BundleError(f"{origin} does not begin with {BEGINNING}, as XGBoost writes it. {REPAIR}")
    whole = CheckedContent(origin, parsed(text, origin), ("learner", "version"))
    learner = whole.inner(
        "learner",
        ("attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"),
    )
    for key, empty in (("attributes", {}), ("feature_names", []), ("feature_types", [])):
        learner.require(learner[key] == empty, key, "empty")
    objective = learner.inner("objective", ("name", "reg_loss_param"))
    name = objective.text("name", tuple(OUTPUTS))
    objective.require(objective["reg_loss_param"] == {"scale_pos_weight": "1"}, "reg_loss_param", "without weights")
    features, base = _model_parameters(learner, name)
    values = [_tree_values(tree, features) for tree in _trees(learner)]
    starts = np.cumsum([0, *(len(one) for one in values[:-1])], dtype=np.int64)
    return XGBoostText(features, OUTPUTS[name], base, np.concatenate(values), starts)


def _model_parameters(learner: CheckedContent, objective: str) -> tuple[int, float]:
    keys = ("base_score", "boost_from_average", "num_class", "num_feature", "num_target")
    parameters = learner.inner("learner_model_param", keys)
    one_score = parameters["num_class"] == "0" and parameters["num_target"] == "1"
    parameters.require(one_score, "num_class", "that of one score")
    features = _count(parameters, "num_feature")
    try:
        start = float(np.float32(str(parameters["base_score"]).strip("[]")))
    except ValueError:
        start = float("nan")
    if objective == SQUARED:
        parameters.require(bool(np.isfinite(start)), "base_score", "a finite number")
        return features, start
    parameters.require(0.0 < start < 1.0, "base_score", "a probability")
    return features, float(np.log(start) - np.log1p(-start))


def _trees(learner: CheckedContent) -> list[CheckedContent]:
    booster = learner.inner("gradient_booster", ("model", "name"))
    booster.text("name", ("gbtree",))
    model = booster.inner("model", ("cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"))
    model.require(model["cats"] == NO_CATEGORIES, "cats", "empty")
    trees = model.objects("trees", TREE_FIELDS)
    model.require(len(trees) > 0, "trees", "a list of at least one tree")
    parameters = model.inner("gbtree_model_param", ("num_parallel_tree", "num_trees"))
    parameters.require(parameters["num_parallel_tree"] == "1", "num_parallel_tree", "1")
    parameters.require(_count(parameters, "num_trees") == len(trees), "num_trees", str(len(trees)))
    model.integers("tree_info", (len(trees),), 0, 0)
    places = model.integers("iteration_indptr", (len(trees) + 1,), 0, len(trees))
    model.require(bool(np.all(places == np.arange(len(trees) + 1))), "iteration_indptr", "one tree after the other")
    return trees


def _tree_values(tree: CheckedContent, features: int) -> Numbers:
    """Check one tree and return the value of each of its nodes."""
    parameters = tree.inner("tree_param", ("num_deleted", "num_feature", "num_nodes", "size_leaf_vector"))
    size = _count(parameters, "num_nodes")
    parameters.require(_count(parameters, "num_feature") == features, "num_feature", str(features))
    plain = (parameters["num_deleted"], parameters["size_leaf_vector"]) == ("0", "1")
    parameters.require(plain, "size_leaf_vector", "that of one number per leaf, and nothing deleted")
    for key in EMPTY_FIELDS:
        tree.require(tree[key] == [], key, "empty")
    numbers = {key: tree.floats(key, (size,), -LARGEST, LARGEST) for key in FLOAT_FIELDS}
    tree.integers("split_indices", (size,), 0, features - 1)
    tree.integers("split_type", (size,), 0, 0)
    tree.integers("default_left", (size,), 0, 1)
    left, right = (tree.integers(key, (size,), -1, size - 1) for key in ("left_children", "right_children"))
    parents = tree.integers("parents", (size,), 0, NO_PARENT)
    inner = np.flatnonzero(left != -1)
    tree.require(bool(np.all((left == -1) == (right == -1))), "right_children", "that of a tree")
    sound = lead_forward(left[inner], right[inner], inner, size)
    sound = sound and bool(np.all(parents[left[inner]] == inner) and np.all(parents[right[inner]] == inner))
    tree.require(sound and parents[0] == NO_PARENT, "left_children", "that of a tree whose nodes stay inside it")
    return numbers["split_conditions"].astype(np.float32).astype(np.float64)


def _count(content: CheckedContent, key: str) -> int:
    found = content[key]
    content.require(isinstance(found, str) and found.isascii() and found.isdigit(), key, "a count")
    count = int(found) if len(found) < 10 else 0
    content.require(count > 0, key, "a positive count")
    return count
