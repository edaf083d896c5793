"""Whether the nodes of a loaded forest or boosted model stay inside their trees.

scikit-learn's prediction follows the child and feature numbers of a node without looking at them: a made-up file could
read foreign memory, crash the process or never end. A type on a list is therefore not enough for trees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Nodes:
    """Children and feature of the inner nodes of one tree of `size` nodes; `position` is their own number."""

    size: int
    position: Integers
    left: Integers
    right: Integers
    feature: Integers


def has_sound_trees(obj: object) -> bool:
    """Tell whether every inner node of every tree in a fitted model points to later nodes and existing features.

    Children that come after their parent rule out circles. An object without trees is sound.
    """
    features = getattr(obj, "n_features_in_", 0)
    return all(_is_sound(nodes, features) for nodes in _trees(obj))


def _is_sound(nodes: _Nodes, features: int) -> bool:
    children = np.stack([nodes.left, nodes.right])
    inside = (children > nodes.position) & (children < nodes.size)
    known = (nodes.feature >= 0) & (nodes.feature < features)
    return nodes.size > 0 and bool(inside.all() and known.all())


def _trees(obj: Any) -> Iterator[_Nodes]:
    if hasattr(obj, "tree_"):
        yield _of_tree(obj.tree_)
    for member in getattr(obj, "estimators_", ()):
        yield from _trees(member)
    for predictors in getattr(obj, "_predictors", ()):
        yield from (_of_predictor(predictor) for predictor in predictors)


def _of_tree(tree: Any) -> _Nodes:
    inner = np.flatnonzero(tree.children_left != -1)
    return _Nodes(tree.node_count, inner, tree.children_left[inner], tree.children_right[inner], tree.feature[inner])


def _of_predictor(predictor: Any) -> _Nodes:
    """Categorical nodes, which no model of the catalogue has, count as nodes without a known feature."""
    nodes = predictor.nodes
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    feature = np.where(nodes["is_categorical"][inner] != 0, -1, nodes["feature_idx"][inner])
    left, right = nodes["left"][inner].astype(np.int64), nodes["right"][inner].astype(np.int64)
    return _Nodes(len(nodes), inner, left, right, feature.astype(np.int64))
