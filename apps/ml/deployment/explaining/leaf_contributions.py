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
import numpy.typing as npt

from apps.ml.deployment.explaining.tree_leaves import FloatArray, Positions, TreeLeaves

TABLE_BYTES = 64_000_000
"""Memory that the tables of one version may take; deeper trees are explained by the library."""

Passed = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LeafContributions:
    """The tables of one ensemble; `table` holds the patterns of a leaf one after the other, `start` says where.

    `start` [sides]: where the first pattern's entry of a side lies; `step` [sides]: entries of one pattern; `leaf`,
    `bit` [sides]: the side's leaf and its place in the pattern. `features`: k.
    """

    leaves: TreeLeaves
    features: int
    table: FloatArray
    start: Positions
    step: Positions
    leaf: Positions
    bit: Positions

    def of_row(self, passed: Passed) -> FloatArray:
        """Return float64 [k], what each encoded feature adds, for the sides [sides] that the row passes."""
        pattern = np.add.reduceat(passed * self.bit, self.leaves.first)
        where = self.start + pattern.take(self.leaf) * self.step
        return np.bincount(self.leaves.feature, self.table.take(where), minlength=self.features)


def leaf_contributions(leaves: TreeLeaves, features: int) -> LeafContributions | None:
    """Make the tables; None where there is no leaf or they would be larger than :data:`TABLE_BYTES`."""
    entries = leaves.count * 2.0**leaves.count
    if not len(entries) or entries.sum() * 8 > TABLE_BYTES:
        return None
    begin = np.cumsum(entries) - entries
    place = np.arange(len(leaves.feature)) - np.repeat(leaves.first, leaves.count)
    return LeafContributions(
        leaves=leaves,
        features=features,
        table=_table(leaves, begin.astype(np.intp), int(entries.sum())),
        start=(np.repeat(begin, leaves.count) + place).astype(np.intp),
        step=np.repeat(leaves.count, leaves.count),
        leaf=np.repeat(np.arange(len(leaves.count)), leaves.count),
        bit=np.left_shift(1, place).astype(np.intp),
    )


def _table(leaves: TreeLeaves, begin: Positions, size: int) -> FloatArray:
    table = np.empty(size)
    for sides in np.unique(leaves.count).tolist():
        chosen = np.flatnonzero(leaves.count == sides)
        shares = leaves.share[leaves.first[chosen][:, None] + np.arange(sides)]
        entries = _patterns(shares, leaves.value[chosen])
        table[begin[chosen][:, None] + np.arange(entries.shape[1])] = entries
    return table


def _patterns(shares: FloatArray, values: FloatArray) -> FloatArray:
    """Return [leaves, 2^d × d] entries for leaves of d sides each, `shares` [leaves, d]."""
    sides = shares.shape[1]
    passed = (np.arange(2**sides)[:, None] >> np.arange(sides) & 1).astype(np.float64)
    points, weights = np.polynomial.legendre.leggauss((sides + 1) // 2)
    entries = np.zeros((len(shares), 2**sides, sides))
    for t, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factors = t * passed + (1 - t) * shares[:, None, :]
        entries += weight * factors.prod(axis=2, keepdims=True) / factors
    entries *= (passed - shares[:, None, :]) * values[:, None, None]
    return entries.reshape(len(shares), -1)
