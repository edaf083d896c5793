"""A sum of trees in one form, whatever library grew them: what every engine computes.

Libraries differ in how they compare. Here every inner node asks `x <= threshold` in double precision; where a library
compares in single precision, the threshold is the largest double that is rounded to the left side
(:func:`single_precision_thresholds`), so that every row reaches the same leaf.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FARTHEST = 1e39
"""Thresholds are kept within this, beyond every feature of single precision, so that none is infinite."""


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree. Node 0 is the first; a tree without inner nodes has one leaf.

    Parameters
    ----------
    feature : int64 [inner nodes]
    threshold : float64 [inner nodes]
        Finite; rows with a feature up to it go left.
    left, right : int64 [inner nodes]
        A later inner node, or leaf j as -1 - j.
    leaves : float64 [inner nodes + 1]
        What the tree gives.
    """

    feature: Integers
    threshold: Matrix
    left: Integers
    right: Integers
    leaves: Matrix


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees on `features` encoded features.

    A row gets the sum of its leaves, added in the order of the trees, divided by `divisor`.
    """

    features: int
    trees: tuple[Tree, ...]
    divisor: float = 1.0

    @property
    def nodes(self) -> int:
        """Number of inner nodes of all trees."""
        return sum(len(tree.feature) for tree in self.trees)


def constant_tree(value: float) -> Tree:
    """Return a tree that gives every row the same."""
    none = np.empty(0, dtype=np.int64)
    return Tree(none, np.empty(0), none, none, np.array([value]))


def tree_of_nodes(
    inner: npt.NDArray[np.bool_],
    feature: npt.ArrayLike,
    threshold: npt.ArrayLike,
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    values: npt.ArrayLike,
) -> Tree:
    """Return a tree from arrays over all its nodes, [nodes] each; `inner` tells which of them have children."""
    numbers = np.where(inner, np.cumsum(inner) - 1, 0 - np.cumsum(~inner))
    held = np.flatnonzero(inner)
    return Tree(
        np.asarray(feature)[held].astype(np.int64),
        bounded(threshold)[held],
        numbers[np.asarray(left)[held]].astype(np.int64),
        numbers[np.asarray(right)[held]].astype(np.int64),
        np.asarray(values, dtype=np.float64)[~inner],
    )


def single_precision_thresholds(limits: npt.ArrayLike) -> Matrix:
    """Return float64 [m]: the largest doubles that single precision rounds to at most `limits` float64 [m].

    Doubles half-way between two neighbours are rounded to the one whose last bit is 0.

    Examples
    --------
    1 and its next neighbour, 1 + 2^-23, meet at 1 + 2^-24, which is rounded to 1.
    """
    given = np.asarray(limits, dtype=np.float64)
    with np.errstate(over="ignore"):
        nearest = given.astype(np.float32)
        below = np.where(nearest > given, np.nextafter(nearest, np.float32(-np.inf)), nearest)
        above = np.nextafter(below, np.float32(np.inf)).astype(np.float64)
    middle = (below.astype(np.float64) + above) / 2.0
    is_even = (below.view(np.uint32) & 1) == 0
    return bounded(np.where(is_even, middle, np.nextafter(middle, -np.inf)))


def just_below(thresholds: npt.ArrayLike) -> Matrix:
    """Return float64 [m]: x < t exactly where x <= the double before t."""
    return bounded(np.nextafter(np.asarray(thresholds, dtype=np.float64), -np.inf))


def bounded(thresholds: npt.ArrayLike) -> Matrix:
    """Return float64 [m], those beyond ±:data:`FARTHEST` moved to that bound."""
    return np.clip(np.asarray(thresholds, dtype=np.float64), -FARTHEST, FARTHEST)


def thresholds_by_feature(several: Sequence[Trees]) -> dict[int, Matrix]:
    """Return the distinct thresholds of each feature that the trees look at, ascending."""
    trees = [tree for one in several for tree in one.trees]
    if not trees:
        return {}
    feature = np.concatenate([tree.feature for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    return {int(one): np.unique(threshold[feature == one]) for one in np.unique(feature)}
