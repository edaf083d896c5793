"""A grid of Lagrange multipliers that reaches equally far in every direction.

fairlearn takes the first points of a lattice in the order of their coordinates: with 15 points in two dimensions these
all lie on one side of 0, and models that would favour the other groups are never tried. Here the lattice is whole, as
fine as the number of points allows.
"""

from collections.abc import Callable, Iterator
from math import comb

import numpy as np
import numpy.typing as npt

from apps.ml.errors import ParameterError

Points = npt.NDArray[np.float64]


def signed_grid(dimensions: int, points: int, limit: float) -> Points:
    """Return float64 [m <= points, dimensions]: whole multiples of limit / u with an L1 norm up to `limit`, 0 included.

    u is the largest number of steps with which the lattice has at most `points` points.

    Raises
    ------
    ParameterError
        Too few points for one step in either direction of every dimension.

    Examples
    --------
    One dimension, 5 points, limit 2: -2, -1, 0, 1, 2.
    """
    _require(dimensions, points, 2 * dimensions + 1)
    steps = _most_steps(points, lambda steps: _signed_points(dimensions, steps))
    lattice = np.array(list(_signed(dimensions, steps)), dtype=np.float64)
    return lattice * (limit / steps)


def simplex_grid(dimensions: int, points: int) -> Points:
    """Return float64 [m <= points, dimensions]: shares of 1 in whole multiples of 1 / u, each point adding to 1.

    Raises
    ------
    ParameterError
        Too few points for every corner.

    Examples
    --------
    Two dimensions, 3 points: (0, 1), (1/2, 1/2), (1, 0).
    """
    _require(dimensions, points, dimensions)
    if dimensions == 1:
        return np.ones((1, 1))
    steps = _most_steps(points, lambda steps: comb(steps + dimensions - 1, dimensions - 1))
    return np.array(list(_simplex(dimensions, steps)), dtype=np.float64) / steps


def _require(dimensions: int, points: int, least: int) -> None:
    if points < least:
        raise ParameterError(
            f"model_training.mitigation.options.grid_search.grid_size {points} is too small: the groups and the "
            f"constraint make {dimensions} multipliers, which need {least} points. Raise it, or choose an attribute "
            "with fewer groups."
        )


def _most_steps(points: int, size: Callable[[int], int]) -> int:
    steps = 1
    while size(steps + 1) <= points:
        steps += 1
    return steps


def _signed_points(dimensions: int, steps: int) -> int:
    """Points with whole coordinates and an L1 norm up to `steps`: Σ 2^k C(d, k) C(steps, k)."""
    return sum(2**k * comb(dimensions, k) * comb(steps, k) for k in range(min(dimensions, steps) + 1))


def _signed(dimensions: int, left: int) -> Iterator[tuple[int, ...]]:
    if not dimensions:
        yield ()
        return
    for value in range(-left, left + 1):
        for rest in _signed(dimensions - 1, left - abs(value)):
            yield (value, *rest)


def _simplex(dimensions: int, left: int) -> Iterator[tuple[int, ...]]:
    if dimensions == 1:
        yield (left,)
        return
    for value in range(left + 1):
        for rest in _simplex(dimensions - 1, left - value):
            yield (value, *rest)
