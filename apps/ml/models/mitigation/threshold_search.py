"""The best thresholds of several groups whose rates may differ by a tolerance: an exact search.

Each group's rows in falling order of their scores can be cut between any two distinct scores. Down the cuts the true
and the false positive rate rise. Rates of all groups lie within the tolerance exactly if there is a corner (u, v) with
u <= true positive rate <= u + tolerance and v <= false positive rate <= v + tolerance for every group, and the corner
can be taken from the rates that occur. For a corner, each group's permitted cuts are one run of neighbours, whose best
one is looked up; groups do not otherwise depend on each other. Corners are searched by branch and bound: a cell of
corners is dropped when even its widest runs hold nothing better than what was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.models.mitigation.gaps import Bits
from apps.ml.models.mitigation.request import Numbers
from apps.ml.models.mitigation.worth import Worth
from apps.ml.models.thresholds import threshold_candidates
from apps.ml.parameters import Constraint

ROUNDING = 1e-12
"""Rates are quotients: two that are a tolerance apart may seem to be this much further."""

FIRST_CELLS = 32
"""Cells along each axis that the search begins with."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cuts:
    """All ways to decide over the rows of one group.

    `thresholds` float64 [m], falling. `rates` float64 [compared rates, m], rising, what the constraint compares.
    `gains` float64 [m], what each way is worth, summed over the rows.
    """

    thresholds: Numbers
    rates: Numbers
    gains: Numbers


def cuts_of(constraint: Constraint, labels: Bits, scores: Numbers, worth: Worth) -> Cuts:
    """Return the cuts of one group; labels int8 [n], scores float64 [n] in [0, 1], both labels present."""
    found = threshold_candidates(labels, scores)
    hits, false = found.true_positives, found.false_positives
    by_constraint = {
        "equalized_odds": lambda: [hits / found.positives, false / found.negatives],
        "equal_opportunity": lambda: [hits / found.positives],
        "demographic_parity": lambda: [(hits + false) / (found.positives + found.negatives)],
    }
    gains = worth.true_positive * hits - worth.false_positive * false
    return Cuts(found.thresholds, np.array(by_constraint[constraint]()), np.asarray(gains, dtype=np.float64))


def best_cuts(groups: Sequence[Cuts], tolerances: Sequence[float]) -> list[int]:
    """Return, per group, the cut with which all groups together gain most and rates differ by their tolerance at most.

    `tolerances`: one for each compared rate. There always is a solution: to decide 0 for everybody. Renaming groups
    changes nothing.
    """
    search = _Search(groups, tolerances)
    cells = search.first_cells()
    while len(cells):
        cells = search.halved(cells[search.bounds(cells) > search.best])
    return search.chosen


class _Search:
    """Corners are pairs of places among the rates that occur; a cell is int64 [first, last, first, last] of places."""

    def __init__(self, groups: Sequence[Cuts], tolerances: Sequence[float]) -> None:
        self._groups = groups
        self._tables = [_RangeMaximum(group.gains) for group in groups]
        self._reaches = [tolerance + ROUNDING for tolerance in tolerances]
        count = len(groups[0].rates)
        corners = [np.unique(np.concatenate([group.rates[rate] for group in groups])) for rate in range(count)]
        self._corners = corners if count == 2 else [*corners, np.zeros(1)]
        self.best = -np.inf
        self.chosen: list[int] = []

    def first_cells(self) -> Places:
        """Return cells [m, 4] that hold every corner."""
        edges = []
        for values in self._corners:
            starts = np.unique(np.linspace(0, len(values), FIRST_CELLS + 1).astype(np.int64))
            edges.append(np.column_stack([starts[:-1], starts[1:] - 1]))
        first, second = (grid.ravel() for grid in np.meshgrid(*(np.arange(len(edge)) for edge in edges)))
        return np.column_stack([edges[0][first], edges[1][second]])

    def bounds(self, cells: Places) -> Numbers:
        """Return float64 [m]: what no corner of a cell can exceed; tries the lowest corner of each."""
        lowest = cells[:, [0, 0, 2, 2]]
        totals, cuts = self._best_of(lowest)
        top = int(np.argmax(totals))
        if totals[top] > self.best:
            self.best, self.chosen = float(totals[top]), [int(cut) for cut in cuts[:, top]]
        return self._best_of(cells)[0]

    def halved(self, cells: Places) -> Places:
        """Return the quarters of cells, leaving out corners that stand alone: they have been tried."""
        cells = cells[(cells[:, 0] < cells[:, 1]) | (cells[:, 2] < cells[:, 3])]
        for low, high in ((0, 1), (2, 3)):
            middle = (cells[:, low] + cells[:, high]) // 2
            lower, upper = cells.copy(), cells[cells[:, low] < cells[:, high]].copy()
            lower[:, high] = middle
            upper[:, low] = middle[cells[:, low] < cells[:, high]] + 1
            cells = np.concatenate([lower, upper])
        return cells

    def _best_of(self, cells: Places) -> tuple[Numbers, Places]:
        """Return the total gain [m] of the best permitted cuts [groups, m] of each cell, -inf where there are none."""
        gains, cuts = [], []
        for group, table in zip(self._groups, self._tables, strict=True):
            first = np.zeros(len(cells), dtype=np.int64)
            last = np.full(len(cells), len(group.gains) - 1)
            for rate, values in enumerate(group.rates):
                low = self._corners[rate][cells[:, 2 * rate]] - ROUNDING
                high = self._corners[rate][cells[:, 2 * rate + 1]] + self._reaches[rate]
                first = np.maximum(first, np.searchsorted(values, low))
                last = np.minimum(last, np.searchsorted(values, high, side="right") - 1)
            some = first <= last
            cut = table.place(np.where(some, first, 0), np.where(some, last, 0))
            gains.append(np.where(some, group.gains[cut], -np.inf))
            cuts.append(cut)
        return np.sort(np.array(gains), axis=0).sum(axis=0), np.array(cuts)


class _RangeMaximum:
    """Where the largest of neighbouring numbers stands, the first of several: a sparse table.

    References
    ----------
    Bender and Farach-Colton (2000), The LCA problem revisited, LATIN, section 3.
    """

    def __init__(self, values: Numbers) -> None:
        self._values = values
        self._levels = [np.arange(len(values), dtype=np.int32)]
        width = 1
        while 2 * width <= len(values):
            self._levels.append(self._larger(self._levels[-1][:-width], self._levels[-1][width:]))
            width *= 2

    def place(self, first: Places, last: Places) -> Places:
        """Return int64 [m]: the place of the largest value from `first` to `last`, both included."""
        level = np.frexp((last - first + 1).astype(np.float64))[1] - 1
        found = np.empty(len(first), dtype=np.int64)
        for number in np.unique(level):
            here = level == number
            table = self._levels[number]
            found[here] = self._larger(table[first[here]], table[last[here] - 2**number + 1])
        return found

    def _larger(self, left: npt.NDArray[np.int32], right: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        return np.where(self._values[right] > self._values[left], right, left)
