"""Cells of a joint table as whole numbers: which of them occur, and sums over the rows of each.

A cell is a row of codes, one per attribute; packed into one number of 64 bits, cells are sorted and compared quickly.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError

DENSE_CELLS = 4_000_000
"""Up to this many possible cells are counted in one array; beyond, the occupied ones are found by sorting."""

MOST_CELLS = 2**62
"""More possible cells than this cannot be numbered in 64 bits."""

EXACT_ROWS = 2**20
"""So many numbers of 32 bits are added up exactly in float64, which holds whole numbers up to 2⁵³."""

Whole = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


class Sums(NamedTuple):
    """What is added up per cell.

    Rows int64 [k]; sums of weights and of squared weights float64 [k], or None; sums of scores int64 [k] in units of
    2⁻³², or None.
    """

    rows: Whole
    weights: Numbers | None = None
    squares: Numbers | None = None
    scores: Whole | None = None

    def by(self, position: Whole, size: int) -> "Sums":
        """Add up by position: everything becomes [size]."""
        parts: list[Any] = [summed(position, part, size) for part in self]
        return Sums(*parts)

    def and_then(self, other: "Sums") -> "Sums":
        """Put the cells of another behind these."""
        parts: list[Any] = [
            None if a is None or b is None else np.concatenate([a, b]) for a, b in zip(self, other, strict=True)
        ]
        return Sums(*parts)


def counted_cells(
    columns: Sequence[npt.NDArray[Any]], widths: Sequence[int], weights: Numbers | None, scores: Whole | None
) -> tuple[Whole, Sums]:
    """Return the cells that occur, ascending, int64 [k, columns], and the sums over their rows.

    Parameters
    ----------
    columns : per column the codes of all rows, whole numbers [n] from 0 to below its width
    widths : number of codes per column
    weights : float64 [n], or None
    scores : int64 [n] in units of 2⁻³², or None

    Raises
    ------
    DataError
        More cells are possible than 64 bits can number.
    """
    possible = _require_crossable(widths)
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column, width in zip(columns, widths, strict=True):
        key *= width
        key += column
    squares = None if weights is None else weights**2
    if possible <= DENSE_CELLS:
        rows = np.bincount(key, minlength=possible)
        occupied = np.flatnonzero(rows)
        dense = (rows, *(summed(key, part, possible) for part in (weights, squares, scores)))
        parts: list[Any] = [None if part is None else part[occupied] for part in dense]
        return _unpacked(occupied, widths), Sums(*parts)
    occupied, position, rows = np.unique(key, return_inverse=True, return_counts=True)
    added = [summed(position, part, len(occupied)) for part in (weights, squares, scores)]
    return _unpacked(occupied, widths), Sums(rows.astype(np.int64), *added)


def distinct_cells(cells: Whole, widths: Sequence[int]) -> tuple[Whole, Whole]:
    """Return the distinct rows of `cells` in ascending order, and the position of each row among them, int64 [n].

    Raises
    ------
    DataError
        More cells are possible than 64 bits can number.
    """
    _require_crossable(widths)
    keys = np.ravel_multi_index(tuple(cells.T), _at_least_one(widths))
    found, position = np.unique(keys, return_inverse=True)
    return _unpacked(found, widths), position.astype(np.int64)


def _require_crossable(widths: Sequence[int]) -> int:
    """Return the number of possible cells, which fits into 64 bits."""
    possible = math.prod(widths)
    if possible > MOST_CELLS:
        raise DataError("these attributes have too many groups to be crossed. Name fewer attributes, or band them.")
    return possible


def _unpacked(keys: Whole, widths: Sequence[int]) -> Whole:
    codes = np.unravel_index(keys, _at_least_one(widths))
    return np.stack(codes, axis=1).astype(np.int64).reshape(-1, len(widths))


def _at_least_one(widths: Sequence[int]) -> tuple[int, ...]:
    """Widths that NumPy accepts where there are no rows and hence no codes."""
    return tuple(max(width, 1) for width in widths)


def summed(position: Whole, part: npt.NDArray[Any] | None, size: int) -> Any:
    """Add up `part` by position, [size] of the same kind; whole numbers (0 and above) stay exact. None stays None."""
    if part is None:
        return None
    if part.dtype.kind == "f":
        return np.bincount(position, part, minlength=size)
    # Halves of 32 bits, a part of the rows at a time, because bincount adds up in float64.
    low, high = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    needs_high = part.size > 0 and part.max() > 0xFFFFFFFF
    for start in range(0, len(part), EXACT_ROWS):
        rows = slice(start, start + EXACT_ROWS)
        low += np.bincount(position[rows], part[rows] & 0xFFFFFFFF, minlength=size).astype(np.int64)
        if needs_high:
            high += np.bincount(position[rows], part[rows] >> 32, minlength=size).astype(np.int64)
    return (high << 32) + low
