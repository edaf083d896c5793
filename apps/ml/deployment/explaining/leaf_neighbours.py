"""Outputs of boosted trees for a row in which one column after the other is replaced, without walking the trees again.

If one column is replaced, only leaves matter whose other columns the row passes already: few of them. Which values of
the column lead there was looked up beforehand.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.explaining.tree_leaves import FloatArray, Positions, TreeLeaves

Passed = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LeafNeighbours:
    """The tables of one ensemble and its replacing values; a *wall* is one column of one leaf.

    `order` [sides]: sides sorted by wall; `first_side` [walls]: where a wall's sides begin there; `first_wall`
    [leaves]; `leaf`, `column` [walls]. `reached` [walls, most values]: the leaf's value where a replacing value of the
    column passes the wall, else 0. `states`: positions in [columns × most values] of the values that there are.
    """

    leaves: TreeLeaves
    order: Positions
    first_side: Positions
    first_wall: Positions
    leaf: Positions
    column: Positions
    reached: FloatArray
    columns: int
    states: Positions

    def outputs(self, passed: Passed) -> tuple[float, FloatArray]:
        """Return the trees' sum for a row that passes these sides [sides], and [states] for its replaced columns."""
        walls = np.logical_and.reduceat(passed.take(self.order), self.first_side)
        failed = ~walls
        failures = np.add.reduceat(failed, self.first_wall, dtype=np.intp)
        own = float(self.leaves.value @ (failures == 0))
        near = np.flatnonzero(failures.take(self.leaf) == failed)
        column, width = self.column.take(near), self.reached.shape[1]
        cells = (column * width)[:, None] + np.arange(width)
        gained = np.bincount(cells.ravel(), self.reached.take(near, axis=0).ravel(), minlength=self.columns * width)
        lost = np.bincount(column, self.leaves.value.take(self.leaf.take(near)) * walls.take(near), self.columns)
        replaced = own + gained.reshape(self.columns, width) - lost[:, None]
        return own, replaced.ravel().take(self.states)


def leaf_neighbours(leaves: TreeLeaves, columns: Positions, values: list[FloatArray]) -> LeafNeighbours:
    """Look up which replacing values pass which walls.

    Parameters
    ----------
    leaves : TreeLeaves, at least one
    columns : intp [k]
        The input column of each encoded feature.
    values : per column float64 [values, k]
        Encoded rows in which the column has its replacing values; only its own features are looked at.
    """
    leaf = np.repeat(np.arange(len(leaves.count)), leaves.count)
    column = columns[leaves.feature]
    order = np.lexsort((column, leaf))
    key = (leaf * len(values) + column)[order]
    first_side = np.flatnonzero(np.r_[True, np.diff(key) > 0])
    of_wall, wall_column = key[first_side] // len(values), key[first_side] % len(values)
    width = max(1, *(len(rows) for rows in values))
    reached = np.zeros((len(first_side), width))
    for number, rows in enumerate(values):
        mine = np.flatnonzero(wall_column == number)
        passes = _passes(leaves, order, first_side, rows)[:, mine]
        reached[mine, : len(rows)] = passes.T * leaves.value[of_wall[mine]][:, None]
    return LeafNeighbours(
        leaves=leaves,
        order=order,
        first_side=first_side,
        first_wall=np.searchsorted(of_wall, np.arange(len(leaves.count))),
        leaf=of_wall,
        column=wall_column,
        reached=reached,
        columns=len(values),
        states=np.concatenate([number * width + np.arange(len(rows)) for number, rows in enumerate(values)]),
    )


def _passes(leaves: TreeLeaves, order: Positions, first_side: Positions, rows: FloatArray) -> Passed:
    """Return bool [rows, walls]."""
    passed = [np.logical_and.reduceat(leaves.passed(row)[order], first_side) for row in rows]
    return np.array(passed, dtype=np.bool_).reshape(len(rows), len(first_side))
