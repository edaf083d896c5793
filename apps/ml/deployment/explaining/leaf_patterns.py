"""Which sides of all leaves a row passes: each feature is ranked among its limits, and every rank's sides are known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.explaining.tree_leaves import FloatArray, Positions, TreeLeaves
from apps.ml.deployment.scorers.tree_engines import NEARLY_ZERO

WIDTHS = (8, 16, 32)
"""Bits of the numbers in which the patterns of leaves are packed: as many as a leaf has sides, or more."""

TABLE_BYTES = 64_000_000
"""Memory that the table of one version may take."""


@dataclass(frozen=True)
class Block:
    """Leaves whose patterns are numbers of one width: which leaves, which bytes, and the type of number."""

    leaves: slice
    packed: slice
    kind: str


@dataclass(frozen=True)
class LeafPatterns:
    """The limits of one ensemble, ranked, and what each rank passes.

    `limit`, `feature` [limits]: all limits, ascending by feature and limit; `first` [features]: where those of a
    feature begin. `passed` uint8 [limits + features, bytes]: the packed patterns of the sides that a feature passes at
    each of its ranks, 0 to the number of its limits, one feature after the other; `begin` [features]: where its ranks
    begin.
    """

    limit: FloatArray
    feature: Positions
    first: Positions
    passed: npt.NDArray[np.uint8]
    begin: Positions
    blocks: tuple[Block, ...]
    size: int

    def of_row(self, x: FloatArray) -> Positions:
        """Return intp [leaves], as :meth:`TreeLeaves.patterns`."""
        values = np.where(np.abs(x) > NEARLY_ZERO, x, 0.0).take(self.feature)
        ranks = np.add.reduceat(values > self.limit, self.first, dtype=np.intp)
        # A side belongs to one feature, so that no bit is set twice.
        packed = np.bitwise_or.reduce(self.passed.take(ranks + self.begin, axis=0), axis=0)
        found = np.empty(self.size, dtype=np.intp)
        for block in self.blocks:
            found[block.leaves] = packed[block.packed].view(block.kind)
        return found


def leaf_patterns(leaves: TreeLeaves) -> LeafPatterns | None:
    """Rank the limits of leaves that are sorted by their number of sides, at least one and at most 32 each.

    None where the table would take more than :data:`TABLE_BYTES`.
    """
    widths = np.array(WIDTHS)[np.searchsorted(WIDTHS, leaves.count)]
    start = np.cumsum(widths) - widths
    slot = start[leaves.leaf] + np.arange(len(leaves.feature)) - leaves.first[leaves.leaf]
    pairs = np.concatenate([[leaves.feature, leaves.above], [leaves.feature, leaves.at_most]], axis=1)
    limits = np.unique(pairs[:, np.isfinite(pairs[1])], axis=1)
    features, first, count = np.unique(limits[0], return_index=True, return_counts=True)
    rows, size = limits.shape[1] + len(features), int(widths.sum()) // 8
    if rows * size > TABLE_BYTES:
        return None
    passed = np.zeros((rows, size), dtype=np.uint8)
    begin = first + np.arange(len(features))
    for feature, own_first, own_count, row in zip(features, first, count, begin, strict=True):
        own, mine = limits[1, own_first : own_first + own_count], np.flatnonzero(leaves.feature == feature)
        above = np.searchsorted(own, leaves.above[mine], side="right")
        at_most = np.searchsorted(own, leaves.at_most[mine])
        for rank in range(own_count + 1):
            slots = slot[mine[(rank >= above) & (rank <= at_most)]]
            np.bitwise_or.at(passed[row + rank], slots // 8, (1 << slots % 8).astype(np.uint8))
    return LeafPatterns(limits[1], limits[0].astype(np.intp), first, passed, begin, _blocks(widths, start), len(widths))


def _blocks(widths: Positions, start: Positions) -> tuple[Block, ...]:
    found = []
    for width in np.unique(widths).tolist():
        mine = np.flatnonzero(widths == width)
        begin = int(start[mine[0]]) // 8
        packed = slice(begin, begin + len(mine) * width // 8)
        found.append(Block(slice(int(mine[0]), int(mine[-1]) + 1), packed, f"<u{width // 8}"))
    return tuple(found)
