"""Path-dependent Shapley contributions of one row from tables made beforehand: the trees are not walked again.

A leaf of value v whose d features are passed or not (o_i of 1 or 0), with training shares z_i, adds to feature i

    v (o_i − z_i) ∫₀¹ Π_{k ≠ i} (t o_k + (1 − t) z_k) dt,

which depends on the row through the pattern o alone. The 2^d patterns of every leaf are computed once; the integrand is
a polynomial of degree d − 1 in t, so Gauss-Legendre quadrature with ⌈d / 2⌉ points is exact.

References
----------
Lundberg, Erion, Lee (2018), Consistent individualized feature attribution for tree ensembles, section 3 (the values).
Owen (1972), Multilinear extensions of games, Management Science 18 (the integral). Yang (2021), Fast TreeSHAP:
accelerating SHAP value computation for trees, arXiv:2109.09847, section 4 (tables of patterns).
"""

from dataclasses import dataclass

import numpy as np

from apps.ml.deployment.explaining.tree_leaves import FloatArray, Positions, TreeLeaves

TABLE_BYTES = 64_000_000
"""Memory that the tables of one version may take; deeper trees are explained by the library."""


@dataclass(frozen=True)
class Block:
    """Leaves of d sides: which leaves and which sides, and [leaves × 2^d, d] what each pattern adds to each side.

    `start` [leaves]: the row of the pattern 0 of a leaf.
    """

    leaves: slice
    sides: slice
    start: Positions
    added: FloatArray


@dataclass(frozen=True)
class LeafContributions:
    """The tables of one ensemble, a block for each number of sides. `features`: k."""

    leaves: TreeLeaves
    features: int
    blocks: tuple[Block, ...]

    def of_row(self, patterns: Positions) -> FloatArray:
        """Return float64 [k], what each encoded feature adds for a row with these patterns [leaves]."""
        return np.bincount(self.leaves.feature, self.of_sides(patterns), self.features).astype(np.float64, copy=False)

    def of_sides(self, patterns: Positions) -> FloatArray:
        """Return float64 [sides], what each side adds."""
        added = np.empty(len(self.leaves.feature))
        for block in self.blocks:
            out = added[block.sides].reshape(len(block.start), -1)
            # Without the mode NumPy copies into a buffer first; every row is there.
            block.added.take(block.start + patterns[block.leaves], axis=0, out=out, mode="clip")
        return added


def leaf_contributions(leaves: TreeLeaves, features: int) -> LeafContributions | None:
    """Make the tables.

    None where there is no split, a leaf that no training row reached, or more than :data:`TABLE_BYTES` to hold.
    """
    entries = leaves.count * 2.0**leaves.count
    if not len(entries) or entries.sum() * 8 > TABLE_BYTES or not (leaves.share > 0).all():
        return None
    # One piece of memory: the kernel gives it large pages, of which a row's look-ups touch few.
    memory, begin, blocks = np.empty(int(entries.sum())), 0, []
    for sides in np.unique(leaves.count).tolist():
        block = _block(leaves, sides, memory[begin:])
        begin += block.added.size
        blocks.append(block)
    return LeafContributions(leaves, features, tuple(blocks))


def _block(leaves: TreeLeaves, sides: int, memory: FloatArray) -> Block:
    """Return the block of the leaves with so many sides; its table takes the beginning of `memory`."""
    mine = np.flatnonzero(leaves.count == sides)
    shares = leaves.share[leaves.first[mine][:, None] + np.arange(sides)]
    begin, first = int(mine[0]), int(leaves.first[mine[0]])
    added = memory[: len(mine) * 2**sides * sides].reshape(-1, sides)
    added[:] = _patterns(shares, leaves.value[mine])
    return Block(
        leaves=slice(begin, begin + len(mine)),
        sides=slice(first, first + len(mine) * sides),
        start=np.arange(len(mine)) * 2**sides,
        added=added,
    )


def _patterns(shares: FloatArray, values: FloatArray) -> FloatArray:
    """Return [leaves × 2^d, d] entries for leaves of d sides each, `shares` [leaves, d]."""
    sides = shares.shape[1]
    passed = (np.arange(2**sides)[:, None] >> np.arange(sides) & 1).astype(np.float64)
    points, weights = np.polynomial.legendre.leggauss((sides + 1) // 2)
    entries = np.zeros((len(shares), 2**sides, sides))
    for t, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factors = t * passed + (1 - t) * shares[:, None, :]
        entries += weight * factors.prod(axis=2, keepdims=True) / factors
    entries *= (passed - shares[:, None, :]) * values[:, None, None]
    return entries.reshape(-1, sides)
