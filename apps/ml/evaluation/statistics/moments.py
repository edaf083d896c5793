"""Moments of several quantities by group: rows, means and sums of squared deviations, which merge without rows.

Merging adds deviations and not squares of large numbers, so that a small spread around a large mean is kept.

References
----------
Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, The American Statistician 37.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.counting.counts import GroupNames, group_codes, group_positions, merged_names

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Rows int64 [g], means and sums of squared deviations from them float64 [g, q], of `quantities` by group.

    A group without rows has means of 0.
    """

    groups: tuple[str, ...]
    quantities: tuple[str, ...]
    n: npt.NDArray[np.int64]
    means: Numbers
    squares: Numbers

    def mean(self, quantity: str) -> Numbers:
        """Mean per group, float64 [g]."""
        return self.means[:, self.quantities.index(quantity)]

    def variance(self, quantity: str) -> Numbers:
        """Unbiased variance per group, float64 [g]; NaN for fewer than two rows."""
        unknown = np.full(len(self.n), np.nan)
        return np.divide(self.sum_of_squares(quantity), self.n - 1, out=unknown, where=self.n > 1)

    def sum_of_squares(self, quantity: str) -> Numbers:
        """Sum of squared deviations from the mean per group, float64 [g]."""
        return self.squares[:, self.quantities.index(quantity)]

    def select(self, groups: Iterable[str]) -> "Moments":
        """Return the moments of the named groups, in the order given.

        Raises
        ------
        DataError
            There is no such group.
        """
        names = tuple(groups)
        at = group_positions(names, self.groups)
        return Moments(names, self.quantities, self.n[at], self.means[at], self.squares[at])

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of this one's rows and the other's together; groups are matched by name.

        Raises
        ------
        DataError
            They are moments of other quantities.
        """
        if self.quantities != other.quantities:
            raise DataError("these are moments of different quantities. Compute both in the same way.")
        names = merged_names(self.groups, other.groups)
        one, two = self._padded(names), other._padded(names)
        n = one.n + two.n
        part = np.divide(two.n, n, out=np.zeros(len(n)), where=n > 0)[:, None]
        apart = two.means - one.means
        means = one.means + apart * part
        squares = one.squares + two.squares + apart**2 * part * one.n[:, None]
        return Moments(names, self.quantities, n, means, squares)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "groups": list(self.groups),
            "quantities": list(self.quantities),
            "n": self.n.tolist(),
            "means": self.means.tolist(),
            "squares": self.squares.tolist(),
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "Moments":
        """Inverse of :meth:`to_dict`."""
        groups, quantities = tuple(content["groups"]), tuple(content["quantities"])
        means, squares = (
            np.array(content[name], dtype=np.float64).reshape(len(groups), len(quantities))
            for name in ("means", "squares")
        )
        return Moments(groups, quantities, np.array(content["n"], dtype=np.int64), means, squares)

    def _padded(self, groups: tuple[str, ...]) -> "Moments":
        at = [groups.index(name) for name in self.groups]
        n = np.zeros(len(groups), dtype=np.int64)
        means, squares = (np.zeros((len(groups), len(self.quantities))) for _ in range(2))
        n[at], means[at], squares[at] = self.n, self.means, self.squares
        return Moments(groups, self.quantities, n, means, squares)


def moments_by_group(values: Mapping[str, Numbers], groups: GroupNames) -> Moments:
    """Compute the moments of every quantity by group, in two passes.

    Parameters
    ----------
    values : quantity → float64 [n], finite
    groups : sequence [n]
        Name of the group per row; a missing one is counted as the group `unknown`.
    """
    names, codes = group_codes(groups)
    n = np.bincount(codes, minlength=len(names))
    means, squares = (np.zeros((len(names), len(values))) for _ in range(2))
    rows = np.maximum(n, 1)
    for at, column in enumerate(values.values()):
        means[:, at] = np.bincount(codes, column, minlength=len(names)) / rows
        squares[:, at] = np.bincount(codes, (column - means[codes, at]) ** 2, minlength=len(names))
    return Moments(names, tuple(values), n.astype(np.int64), means, squares)
