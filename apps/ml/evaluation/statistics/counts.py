"""The count table [group × label × decision]: every fairness number is a function of these whole numbers.

Counts of disjoint rows add up, so partitions, files and days can be counted apart and merged, and an auditor can
recompute every rate without seeing a row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import UNKNOWN_GROUP
from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.checked_columns import binary_values, require_equal_lengths

Counts = npt.NDArray[np.int64]
GroupNames = Sequence[object] | npt.NDArray[Any] | pd.Series


@dataclass(frozen=True, eq=False)
class CountTable:
    """Numbers of rows by group, label and decision.

    `counts` is int64 [g, 2, 2]: axis 0 follows `groups`, axis 1 is the label, axis 2 the decision (1 = the positive
    event). The array is read-only.
    """

    groups: tuple[str, ...]
    counts: Counts

    def __post_init__(self) -> None:
        counts = np.array(self.counts, dtype=np.int64)
        if counts.shape != (len(self.groups), 2, 2) or len(set(self.groups)) != len(self.groups):
            raise ValueError("a count table needs one 2 × 2 block of counts per group and distinct group names")
        if counts.size and counts.min() < 0:
            raise ValueError("counts of rows cannot be negative")
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)

    @property
    def sizes(self) -> Counts:
        """Rows per group, int64 [g]."""
        return self.counts.sum(axis=(1, 2))

    @property
    def rows(self) -> int:
        """Rows in all groups together."""
        return int(self.counts.sum())

    def of(self, group: str) -> Counts:
        """Counts of one group, int64 [label, decision].

        Raises
        ------
        DataError
            There is no such group.
        """
        return self.counts[self._position(group)]

    def select(self, groups: Iterable[str]) -> "CountTable":
        """Return the table of the named groups, in the order given.

        Raises
        ------
        DataError
            There is no such group.
        """
        names = tuple(groups)
        return CountTable(names, self.counts[[self._position(name) for name in names]].reshape(-1, 2, 2))

    def merge(self, other: "CountTable") -> "CountTable":
        """Return the counts of this table's rows and the other's together; groups are matched by name."""
        names = (*self.groups, *(name for name in other.groups if name not in self.groups))
        counts = np.zeros((len(names), 2, 2), dtype=np.int64)
        for table in (self, other):
            counts[[names.index(name) for name in table.groups]] += table.counts
        return CountTable(names, counts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: group → [[label 0 decision 0, label 0 decision 1], [label 1 decision 0, …]]."""
        return {name: block.tolist() for name, block in zip(self.groups, self.counts, strict=True)}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "CountTable":
        """Inverse of :meth:`to_dict`."""
        blocks = np.array(list(content.values()), dtype=np.int64).reshape(-1, 2, 2)
        return CountTable(tuple(content), blocks)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CountTable)
            and self.groups == other.groups
            and bool(np.array_equal(self.counts, other.counts))
        )

    __hash__ = None  # type: ignore[assignment]

    def _position(self, group: str) -> int:
        if group not in self.groups:
            raise DataError(f"there is no group '{group}'. Use one of: {', '.join(self.groups)}.")
        return self.groups.index(group)


def count(labels: npt.ArrayLike, decisions: npt.ArrayLike, groups: GroupNames) -> CountTable:
    """Count rows by group, label and decision in one pass.

    Parameters
    ----------
    labels, decisions : array-like [n]
        0 or 1 per row; 1 is the positive event.
    groups : sequence [n]
        Name of the group per row; a missing one is counted as the group `unknown`. Categorical values keep the order
        of their categories, the empty ones included; others are sorted. `unknown` comes last.

    Raises
    ------
    DataError
        Lengths differ, or labels or decisions hold anything but 0 and 1.
    """
    cells = outcome_cells(labels, decisions)
    return count_cells(cells, groups)


def outcome_cells(labels: npt.ArrayLike, decisions: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """Return 2 · label + decision per row, int8 [n], after checking both columns.

    Raises
    ------
    DataError
        Lengths differ, or a column holds anything but 0 and 1.
    """
    y = binary_values(labels, "labels")
    d = binary_values(decisions, "decisions")
    require_equal_lengths({"labels": len(y), "decisions": len(d)})
    return 2 * y + d


def count_cells(cells: npt.NDArray[np.int8], groups: GroupNames) -> CountTable:
    """Count rows by group and cell; `cells` is what :func:`outcome_cells` returns.

    Raises
    ------
    DataError
        Lengths differ.
    """
    require_equal_lengths({"labels": len(cells), "groups": len(groups)})
    names, codes = group_codes(groups)
    counts = np.bincount(codes * 4 + cells, minlength=4 * len(names))
    return CountTable(names, counts.reshape(len(names), 2, 2))


def group_codes(groups: GroupNames) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the names of the groups in display order and, per row, the position of its group's name."""
    column = groups if isinstance(groups, pd.Series) else pd.Series(list(groups), dtype=object)
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = column.cat.codes.to_numpy(), list(column.cat.categories)
    else:
        codes, found = pd.factorize(column)
        values = list(found)
    written = [str(value) for value in values]
    names = tuple(_display_order(written, column, missing=bool((codes < 0).any())))
    # The last entry of `position` is reached by code -1, which marks a missing value.
    position = np.array([names.index(name) for name in written] + [len(names) - 1], dtype=np.int64)
    return names, position[codes]


def _display_order(written: list[str], column: pd.Series, missing: bool) -> list[str]:
    known = list(dict.fromkeys(name for name in written if name != UNKNOWN_GROUP))
    if not isinstance(column.dtype, pd.CategoricalDtype):
        known.sort()
    return [*known, UNKNOWN_GROUP] if missing or UNKNOWN_GROUP in written else known
