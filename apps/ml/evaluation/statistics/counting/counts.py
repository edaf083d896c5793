"""The count table [group × label × decision]: every fairness number is a function of these whole numbers.

Counts of disjoint rows add up, so partitions, files and days can be counted apart and merged, and an auditor can
recompute every rate without seeing a row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import UNKNOWN_GROUP
from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.counting.checked_columns import binary_values, require_equal_lengths

Counts = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
GroupNames = Sequence[object] | npt.NDArray[Any] | pd.Series


@dataclass(frozen=True, eq=False)
class CountTable:
    """Numbers of rows by group, label and decision.

    `counts` is int64 [g, 2, 2]: axis 0 follows `groups`, axis 1 is the label, axis 2 the decision (1 = the positive
    event). Where rows are weighted, `weights` and `squares` are float64 of the same shape: sums of weights and of their
    squares. Without labels (`labelled` False) every row stands under label 0. The arrays are read-only.
    """

    groups: tuple[str, ...]
    counts: Counts
    weights: Weights | None = None
    squares: Weights | None = None
    labelled: bool = True

    def __post_init__(self) -> None:
        counts = np.array(self.counts, dtype=np.int64)
        if counts.shape != (len(self.groups), 2, 2) or len(set(self.groups)) != len(self.groups):
            raise ValueError("a count table needs one 2 × 2 block of counts per group and distinct group names")
        if counts.size and counts.min() < 0:
            raise ValueError("counts of rows cannot be negative")
        if (self.weights is None) != (self.squares is None):
            raise ValueError("sums of weights come with sums of their squares")
        parts: dict[str, Any] = {"counts": counts, "weights": self.weights, "squares": self.squares}
        for name, part in parts.items():
            if part is not None:
                held = np.array(part)
                held.setflags(write=False)
                object.__setattr__(self, name, held)

    @property
    def sizes(self) -> Counts:
        """Rows per group, int64 [g]."""
        return self.counts.sum(axis=(1, 2))

    @property
    def rows(self) -> int:
        """Rows in all groups together."""
        return int(self.counts.sum())

    @property
    def mass(self) -> npt.NDArray[Any]:
        """What rates are made of: the sums of weights where rows are weighted, else the counts; [g, 2, 2]."""
        return self.counts if self.weights is None else self.weights

    def of(self, group: str) -> Counts:
        """Counts of one group, int64 [label, decision].

        Raises
        ------
        DataError
            There is no such group.
        """
        return self.counts[group_positions((group,), self.groups)[0]]

    def select(self, groups: Iterable[str]) -> "CountTable":
        """Return the table of the named groups, in the order given.

        Raises
        ------
        DataError
            There is no such group.
        """
        names = tuple(groups)
        at = group_positions(names, self.groups)
        return self._with(names, lambda part: part[at])

    def together(self, name: str = "all") -> "CountTable":
        """Return the table of all groups as one."""
        return self._with((name,), lambda part: part.sum(axis=0, keepdims=True))

    def padded(self, groups: Sequence[str]) -> "CountTable":
        """Return the table of exactly `groups`, in that order; those that this one lacks have no rows."""
        names = tuple(groups)
        position = {name: at for at, name in enumerate(names)}
        at = np.array([position[name] for name in self.groups], dtype=np.intp)

        def spread(part: npt.NDArray[Any]) -> npt.NDArray[Any]:
            whole = np.zeros((len(names), 2, 2), dtype=part.dtype)
            whole[at] = part
            return whole

        return self._with(names, spread)

    def merge(self, other: "CountTable") -> "CountTable":
        """Return the counts of this table's rows and the other's together; groups are matched by name.

        Raises
        ------
        DataError
            One has weights or labels and the other has not.
        """
        if (self.weights is None) != (other.weights is None) or self.labelled != other.labelled:
            raise DataError("one table has weights or labels and the other has not. Count both in the same way.")
        names = merged_names(self.groups, other.groups)
        one, two = self.padded(names), other.padded(names)
        weights, squares = (
            None if mine is None or theirs is None else mine + theirs
            for mine, theirs in ((one.weights, two.weights), (one.squares, two.squares))
        )
        return CountTable(names, one.counts + two.counts, weights, squares, self.labelled)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: `groups`, `labelled`, `counts` as [group][label][decision], and the sums of weights."""
        content: dict[str, Any] = {"groups": list(self.groups), "labelled": self.labelled}
        parts = {"counts": self.counts, "weights": self.weights, "squares": self.squares}
        return content | {name: part.tolist() for name, part in parts.items() if part is not None}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "CountTable":
        """Inverse of :meth:`to_dict`."""
        counts = np.array(content["counts"], dtype=np.int64).reshape(-1, 2, 2)
        weights, squares = (
            None if content.get(name) is None else np.array(content[name], dtype=np.float64).reshape(-1, 2, 2)
            for name in ("weights", "squares")
        )
        return CountTable(tuple(content["groups"]), counts, weights, squares, content.get("labelled", True))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CountTable)
            and (self.groups, self.labelled) == (other.groups, other.labelled)
            and bool(np.array_equal(self.counts, other.counts))
            and _equal(self.weights, other.weights)
            and _equal(self.squares, other.squares)
        )

    __hash__ = None  # type: ignore[assignment]

    def _with(self, groups: tuple[str, ...], pick: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> "CountTable":
        weights, squares = (None if part is None else pick(part) for part in (self.weights, self.squares))
        return CountTable(groups, pick(self.counts), weights, squares, self.labelled)


def group_positions(wanted: Sequence[str], groups: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return where each wanted group stands among `groups`, intp [wanted].

    Raises
    ------
    DataError
        There is no such group; the existing ones are named.
    """
    position = {name: at for at, name in enumerate(groups)}
    absent = [name for name in wanted if name not in position]
    if absent:
        raise DataError(f"there is no group '{absent[0]}'. Use one of: {', '.join(groups)}.")
    return np.array([position[name] for name in wanted], dtype=np.intp)


def _equal(one: Weights | None, two: Weights | None) -> bool:
    return (one is None and two is None) or (one is not None and two is not None and bool(np.array_equal(one, two)))


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


def merged_names(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """Return the names of both, the first's order first; `unknown` stays last."""
    names = list(dict.fromkeys([*one, *other]))
    return tuple(sorted(names, key=lambda name: name == UNKNOWN_GROUP))


def group_codes(groups: GroupNames) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the names of the groups in display order and, per row, the position of its group's name."""
    return named_codes(coded_groups(groups))


class CodedGroups(NamedTuple):
    """A column of groups as codes [n] into its distinct values, −1 for missing; `ordered` where the values already
    stand in display order."""

    codes: npt.NDArray[Any]
    values: pd.Index
    ordered: bool


def coded_groups(groups: GroupNames) -> CodedGroups:
    """Find the distinct values of a column of groups, without a look at what they are."""
    column = groups if isinstance(groups, pd.Series) else pd.Series(list(groups), dtype=object)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return CodedGroups(column.cat.codes.to_numpy(), column.cat.categories, True)
    codes, found = pd.factorize(column)
    return CodedGroups(codes, pd.Index(found), False)


def named_codes(coded: CodedGroups) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """See :func:`group_codes`; in time that grows with rows and values, not with their product."""
    written = [str(value) for value in coded.values]
    names = tuple(_display_order(written, coded.ordered, missing=bool((coded.codes < 0).any())))
    positions = {name: at for at, name in enumerate(names)}
    # The last entry of `position` is reached by code -1, which marks a missing value.
    position = np.array([positions[name] for name in written] + [len(names) - 1], dtype=np.int64)
    return names, position[coded.codes]


def _display_order(written: list[str], ordered: bool, missing: bool) -> list[str]:
    known = list(dict.fromkeys(name for name in written if name != UNKNOWN_GROUP))
    if not ordered:
        known.sort()
    return [*known, UNKNOWN_GROUP] if missing or UNKNOWN_GROUP in written else known
