"""Outputs of boosted trees for a row in which one column after the other is replaced, without walking the trees again.

If one column is replaced, only leaves matter whose other columns the row passes already: few of them. Which values of
the column lead there was looked up beforehand, as the places along the values where a leaf begins or ceases to count.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.explaining.tree_leaves import FloatArray, Positions, TreeLeaves


@dataclass(frozen=True)
class LeafNeighbours:
    """The tables of one ensemble and its replacing values; a *wall* is one column of one leaf.

    `full` [leaves]: the pattern of a row that passes all sides. `wall` [sides]: the side's wall. `bits`, `leaf`,
    `column` [walls]: the bits of its sides, its leaf, its column; `first_wall`, `walls` [leaves]: where a leaf's walls
    begin, and how many it has. `broad`: the walls of several sides. `first_step`, `steps` [walls]: where a wall's steps
    begin, and how many it has; `cell`, `change` [steps]: at which value of which column the leaf's value is added or
    taken away again. `states`: the cells that stand for real values, column by column.
    """

    leaves: TreeLeaves
    full: Positions
    wall: Positions
    bits: Positions
    leaf: Positions
    column: Positions
    first_wall: Positions
    walls: Positions
    broad: Positions
    first_step: Positions
    steps: Positions
    cell: Positions
    change: FloatArray
    columns: int
    width: int
    states: Positions

    def outputs(self, patterns: Positions) -> tuple[float, FloatArray]:
        """Return the trees' sum for a row of these patterns [leaves], and [states] with each column replaced."""
        missing = self.full - patterns
        complete = np.flatnonzero(missing == 0)
        inside = _spread(self.first_wall.take(complete), self.walls.take(complete))
        near = np.concatenate([inside, self._one_wall_away(missing)])
        step = _spread(self.first_step.take(near), self.steps.take(near))
        changes = np.bincount(self.cell.take(step), self.change.take(step), self.columns * self.width)
        gained = changes.reshape(self.columns, self.width).cumsum(axis=1)
        total = float(self.leaves.value.take(complete).sum())
        lost = np.bincount(self.column.take(inside), self.leaves.value.take(self.leaf.take(inside)), self.columns)
        return total, (gained + (total - lost)[:, None]).ravel().take(self.states)

    def _one_wall_away(self, missing: Positions) -> Positions:
        """Return the walls that alone keep a row from their leaf: all missing bits belong to them."""
        single = np.flatnonzero(np.bitwise_count(missing) == 1)
        place = np.frexp(missing.take(single))[1] - 1
        of_broad = missing.take(self.leaf.take(self.broad))
        several = (np.bitwise_count(of_broad) > 1) & (of_broad & ~self.bits.take(self.broad) == 0)
        return np.concatenate([self.wall.take(self.leaves.first.take(single) + place), self.broad[several]])


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
    key, wall = np.unique(leaves.leaf * len(values) + columns[leaves.feature], return_inverse=True)
    leaf, column = key // len(values), key % len(values)
    bits = np.bincount(wall, leaves.bit).astype(np.intp)
    width = max(len(rows) for rows in values)
    passes = np.zeros((len(key), width), dtype=np.int8)
    for number, rows in enumerate(values):
        mine = np.flatnonzero(column == number)
        passes[mine, : len(rows)] = _passed(leaves, rows, leaf[mine], bits[mine])
    changes = np.diff(passes, axis=1, prepend=0)
    of_step, where = np.nonzero(changes)
    steps = np.bincount(of_step, minlength=len(key))
    first_wall = np.searchsorted(leaf, np.arange(len(leaves.count)))
    return LeafNeighbours(
        leaves=leaves,
        full=np.left_shift(1, leaves.count) - 1,
        wall=wall,
        bits=bits,
        leaf=leaf,
        column=column,
        first_wall=first_wall,
        walls=np.diff(np.append(first_wall, len(leaf))),
        broad=np.flatnonzero(np.bitwise_count(bits) > 1),
        first_step=np.cumsum(steps) - steps,
        steps=steps,
        cell=column[of_step] * width + where,
        change=changes[of_step, where] * leaves.value[leaf[of_step]],
        columns=len(values),
        width=width,
        states=np.concatenate([number * width + np.arange(len(rows)) for number, rows in enumerate(values)]),
    )


def _passed(leaves: TreeLeaves, rows: FloatArray, leaf: Positions, bits: Positions) -> npt.NDArray[np.bool_]:
    """Return bool [walls, rows]: which walls, by their leaves and bits, each row passes."""
    patterns = np.array([leaves.patterns(row) for row in rows])
    passed: npt.NDArray[np.bool_] = (patterns[:, leaf] & bits == bits).T
    return passed


def _spread(first: Positions, count: Positions) -> Positions:
    """Return first[i], first[i] + 1, … of count[i] numbers for every i, one after the other."""
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + count, count)
