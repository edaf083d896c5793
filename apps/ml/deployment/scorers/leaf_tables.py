"""Trees of few leaves as tables of the leaves that are left: the quickest engine that is known for many rows.

The leaves of a tree are the bits of a number, the leftmost one the lowest. Each inner node whose condition fails rules
out the leaves on its left. What a feature's value rules out in all trees at once is one row of a table, found by the
place of the value among the feature's thresholds. A row's leaf in each tree is the lowest bit that no feature rules
out. Features with a single threshold, such as those of categories, share tables, eight at a time.

References
----------
Lucchese, Nardini, Orlando, Perego, Tonellotto, Venturini (2015), "QuickScorer: a fast algorithm to rank documents with
additive ensembles of regression trees", SIGIR, section 3.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.trees import Tree, Trees, thresholds_by_feature

Matrix = npt.NDArray[np.float64]
Masks = npt.NDArray[Any]

MOST_LEAVES = 64
MOST_BYTES = 64 * 2**20
"""Of all tables; beyond it they no longer lie near the processor."""

SHARED = 8
"""Features with one threshold that share a table: the bits of a byte."""

ROWS_AT_ONCE = 256
"""Rows whose masks are held at once, so that they stay near the processor."""


class LeafTables:
    """Trees as tables; immutable and safe to share between threads.

    Raises
    ------
    NotCompiledError
        A tree has more than :data:`MOST_LEAVES` leaves, no tree has a node, or the tables would take too much room.
    """

    def __init__(self, trees: Trees) -> None:
        most = max((len(tree.leaves) for tree in trees.trees), default=0)
        thresholds = thresholds_by_feature([trees])
        if most > MOST_LEAVES or not thresholds:
            raise NotCompiledError(f"trees of up to {most} leaves, tables hold 2 to {MOST_LEAVES}")
        kind: Any = np.uint32 if most <= 32 else np.uint64
        count = len(trees.trees)
        several = {feature: limits for feature, limits in thresholds.items() if len(limits) > 1}
        single = {feature: float(limits[0]) for feature, limits in thresholds.items() if len(limits) == 1}
        tables = sum(len(limits) + 1 for limits in several.values()) + 2**SHARED * -(-len(single) // SHARED)
        if tables * count * np.dtype(kind).itemsize > MOST_BYTES:
            raise NotCompiledError(f"tables of {tables} rows for {count} trees take more room than {MOST_BYTES} bytes")
        ruled_out = _ruled_out(trees, thresholds, kind)
        self._several = [(one, limits, _stepped(ruled_out[one])) for one, limits in several.items()]
        self._features = np.array(list(single), dtype=np.intp)
        self._limits = np.array(list(single.values()))
        self._shared = [
            _combined([ruled_out[int(one)][1] for one in self._features[first : first + SHARED]])
            for first in range(0, len(single), SHARED)
        ]
        self._leaves = np.concatenate([_padded(_in_order(tree)[1], tree, MOST_LEAVES) for tree in trees.trees])
        self._starts = np.arange(count, dtype=np.intp)[:, None] * MOST_LEAVES
        self._divisor = trees.divisor

    def rows(self, X: Matrix) -> Matrix:
        """Return float64 [n] for rows [n, features]: sums in the order of the trees."""
        found = np.empty(len(X))
        for first in range(0, len(X), ROWS_AT_ONCE):
            found[first : first + ROWS_AT_ONCE] = self._sums(X[first : first + ROWS_AT_ONCE])
        return found

    def _sums(self, X: Matrix) -> Matrix:
        masks = self._left(X)
        lowest = masks & (~masks + masks.dtype.type(1))
        leaves = _exponents(lowest).T + self._starts
        return np.add.reduce(self._leaves.take(leaves), axis=0) / self._divisor

    def _left(self, X: Matrix) -> Masks:
        """Return [n, trees]: the leaves that no feature of a row rules out."""
        parts: list[tuple[Masks, npt.NDArray[Any]]] = [
            (table, limits.searchsorted(X[:, one])) for one, limits, table in self._several
        ]
        if self._shared:
            places = np.packbits(X[:, self._features] > self._limits, axis=1, bitorder="little")
            parts += [(table, places[:, group]) for group, table in enumerate(self._shared)]
        table, rows = parts[0]
        masks, more = table.take(rows, axis=0), np.empty((len(X), table.shape[1]), table.dtype)
        for table, rows in parts[1:]:
            np.take(table, rows, axis=0, out=more, mode="clip")
            np.bitwise_and(masks, more, out=masks)
        return masks


def _ruled_out(trees: Trees, thresholds: dict[int, Matrix], kind: Any) -> dict[int, Masks]:
    """Return per feature [thresholds + 1, trees]: the leaves that remain if exactly that threshold is passed."""
    everything = np.iinfo(kind).max
    found = {one: np.full((len(limits) + 1, len(trees.trees)), everything, kind) for one, limits in thresholds.items()}
    for number, tree in enumerate(trees.trees):
        below = _in_order(tree)[0]
        for node, (feature, threshold) in enumerate(zip(tree.feature.tolist(), tree.threshold.tolist(), strict=True)):
            row = int(thresholds[feature].searchsorted(threshold)) + 1
            found[feature][row, number] &= kind(everything & ~below[node])
    return found


def _stepped(masks: Masks) -> Masks:
    """Return the table of a feature: in row i what remains if its first i thresholds are passed."""
    return np.bitwise_and.accumulate(masks, axis=0)


def _combined(masks: list[Masks]) -> Masks:
    """Return the table of up to eight features: bit j of the row's number tells whether feature j passes."""
    table = np.full((1, len(masks[0])), np.iinfo(masks[0].dtype).max, masks[0].dtype)
    for mask in masks:
        table = np.concatenate([table, table & mask])
    return table


def _in_order(tree: Tree) -> tuple[list[int], list[int]]:
    """Return per inner node the bits of the leaves on its left, and the leaves from left to right."""
    bits, order = [0] * len(tree.feature), list[int]()
    waiting: list[tuple[int, list[int]]] = [(0 if len(tree.feature) else -1, [])]
    while waiting:
        child, left_of = waiting.pop()
        if child < 0:
            for node in left_of:
                bits[node] |= 1 << len(order)
            order.append(-1 - child)
            continue
        waiting.append((int(tree.right[child]), left_of))
        waiting.append((int(tree.left[child]), [*left_of, child]))
    return bits, order


def _padded(order: list[int], tree: Tree, width: int) -> Matrix:
    found = np.zeros(width)
    found[: len(order)] = tree.leaves[order]
    return found


def _exponents(powers: Masks) -> npt.NDArray[np.intp]:
    """Return the places of the only bit of each number, read from its exponent as a float."""
    if powers.dtype == np.uint32:
        return ((powers.astype(np.float32).view(np.int32) >> 23) - 127).astype(np.intp)
    return ((powers.astype(np.float64).view(np.int64) >> 52) - 1023).astype(np.intp)
