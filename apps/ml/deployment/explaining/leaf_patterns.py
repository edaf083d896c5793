"""Which sides of all leaves a row passes: each feature is ranked among its limits once, and sides compare ranks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.explaining.tree_leaves import FloatArray, Positions, TreeLeaves
from apps.ml.deployment.scorers.tree_engines import NEARLY_ZERO

WIDTHS = (8, 16, 32)
"""Bits of the numbers in which the patterns of leaves are packed: as many as a leaf has sides, or more."""


Ranks = npt.NDArray[np.int16] | npt.NDArray[np.int32]


@dataclass(frozen=True)
class Block:
    """Leaves whose patterns are numbers of one width: which leaves, which bytes, and the type of number."""

    leaves: slice
    packed: slice
    kind: str


@dataclass(frozen=True)
class LeafPatterns:
    """The limits of one ensemble, ranked; a *slot* is a bit of a packed pattern, of a side or of none.

    `limit`, `feature` [limits]: all limits, ascending by feature and limit; `first`: where those of a feature begin.
    `above`, `at_most` [slots]: a side is passed by ranks of its feature in between; `ranked` [slots]: the place of its
    feature among those that have limits.
    """

    limit: FloatArray
    feature: Positions
    first: Positions
    above: Ranks
    at_most: Ranks
    ranked: Positions
    blocks: tuple[Block, ...]
    size: int

    def of_row(self, x: FloatArray) -> Positions:
        """Return intp [leaves], as :meth:`TreeLeaves.patterns`."""
        values = np.where(np.abs(x) > NEARLY_ZERO, x, 0.0).take(self.feature)
        ranks = np.add.reduceat(values > self.limit, self.first, dtype=self.above.dtype).take(self.ranked)
        packed = np.packbits((ranks > self.above) & (ranks <= self.at_most), bitorder="little")
        found = np.empty(self.size, dtype=np.intp)
        for block in self.blocks:
            found[block.leaves] = packed[block.packed].view(block.kind)
        return found


def leaf_patterns(leaves: TreeLeaves) -> LeafPatterns:
    """Rank the limits of leaves that are sorted by their number of sides, at least one and at most 32 each."""
    widths = np.array(WIDTHS)[np.searchsorted(WIDTHS, leaves.count)]
    start = np.cumsum(widths) - widths
    slot = start[leaves.leaf] + np.arange(len(leaves.feature)) - leaves.first[leaves.leaf]
    pairs = np.concatenate([[leaves.feature, leaves.above], [leaves.feature, leaves.at_most]], axis=1)
    limits = np.unique(pairs[:, np.isfinite(pairs[1])], axis=1)
    features, first, count = np.unique(limits[0], return_index=True, return_counts=True)
    slots = int(widths.sum())
    above, at_most = _no_sides(slots, int(count.max())), _no_sides(slots, int(count.max()))
    ranked = np.zeros(len(above), dtype=np.intp)
    for place, (feature, begin, size) in enumerate(zip(features, first, count, strict=True)):
        own, mine = limits[1, begin : begin + size], np.flatnonzero(leaves.feature == feature)
        above[slot[mine]] = np.searchsorted(own, leaves.above[mine], side="right") - 1
        at_most[slot[mine]] = np.searchsorted(own, leaves.at_most[mine])
        ranked[slot[mine]] = place
    return LeafPatterns(
        limits[1], limits[0].astype(np.intp), first, above, at_most, ranked, _blocks(widths, start), len(widths)
    )


def _no_sides(slots: int, limits: int) -> Ranks:
    """Slots that no rank passes; numbers are as small as they may be, for comparing them is most of the work."""
    if limits < np.iinfo(np.int16).max:
        return np.full(slots, -1, dtype=np.int16)
    return np.full(slots, -1, dtype=np.int32)


def _blocks(widths: Positions, start: Positions) -> tuple[Block, ...]:
    found = []
    for width in np.unique(widths).tolist():
        mine = np.flatnonzero(widths == width)
        begin = int(start[mine[0]]) // 8
        packed = slice(begin, begin + len(mine) * width // 8)
        found.append(Block(slice(int(mine[0]), int(mine[-1]) + 1), packed, f"<u{width // 8}"))
    return tuple(found)
