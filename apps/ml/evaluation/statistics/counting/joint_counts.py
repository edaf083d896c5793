"""Joint counts: rows by every sensitive attribute at once, by label, decision and step of the score.

One pass over the rows fills them; nothing that is measured afterwards looks at a row. The table of one attribute, of an
intersection of any depth, or of the rows that share a value of a further column, is a sum over them. Joint counts of
disjoint rows add up exactly: counts are whole numbers, and sums of scores are kept as whole numbers of 2⁻³².
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import JOINED_BY
from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.counting.cell_sums import Sums, Whole, counted_cells, distinct_cells, summed
from apps.ml.evaluation.statistics.counting.checked_columns import (
    binary_values,
    probability_values,
    require_equal_lengths,
    weight_values,
)
from apps.ml.evaluation.statistics.counting.counts import CountTable, coded_groups, merged_names, named_codes
from apps.ml.evaluation.statistics.counting.score_table import SCORE_UNIT, ScoreTable, score_steps

MOST_GROUPS = 1000
"""A sensitive column with more distinct values than this names people, not groups."""


@dataclass(frozen=True, eq=False)
class JointCounts:
    """Occupied cells and what was added up in them.

    Parameters
    ----------
    attributes : names, a of them
    groups : per attribute the names of its groups in display order
    cells : int64 [k, a + 3]
        Position of the group of each attribute, label, decision, step of the score; distinct and ascending. The label
        is 0 where there are no labels, the step is 0 where there are no scores.
    sums : Sums over the rows of each cell
    score_bins : steps of equal width into which [0, 1] is divided; 0 without scores
    labelled : whether there were labels
    """

    attributes: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    cells: Whole
    sums: Sums
    score_bins: int = 0
    labelled: bool = True

    @property
    def rows(self) -> int:
        """Rows altogether."""
        return int(self.sums.rows.sum())

    @property
    def weighted(self) -> bool:
        """Whether rows carry weights."""
        return self.sums.weights is not None

    def table(self, *names: str) -> CountTable:
        """Return the count table of one attribute, or of the intersection of several, whose groups that occur are
        joined by ` × `.

        Raises
        ------
        DataError
            There is no such attribute.
        """
        groups, position = self._grouped(names)
        cell = position * 4 + 2 * self.cells[:, -3] + self.cells[:, -2]
        sums = self.sums.by(cell, 4 * len(groups))
        weights, squares = (None if part is None else part.reshape(-1, 2, 2) for part in (sums.weights, sums.squares))
        return CountTable(groups, sums.rows.reshape(-1, 2, 2), weights, squares, self.labelled)

    def tables_within(self, condition: str, *names: str) -> dict[str, CountTable]:
        """Return, per value of the attribute `condition`, the count table of `names` among its rows; every table has
        the same groups."""
        overall = self.table(*names)
        joined = self.table(condition, *names)
        at = self.attributes.index(condition)
        found = {}
        for value in self.groups[at]:
            parts = {f"{value}{JOINED_BY}{group}": group for group in overall.groups}
            inside = joined.select(name for name in parts if name in joined.groups)
            inside = CountTable(
                tuple(parts[name] for name in inside.groups),
                inside.counts,
                inside.weights,
                inside.squares,
                inside.labelled,
            )
            if inside.rows:
                found[value] = inside.padded(overall.groups)
        return found

    def scores(self, *names: str) -> ScoreTable:
        """Return the score table of one attribute or intersection; the groups are those of :meth:`table`.

        Raises
        ------
        DataError
            There is no such attribute, or no scores were counted.
        """
        if self.sums.scores is None:
            raise DataError("no scores were counted. Hand in a score per row to measure ranking and calibration.")
        groups, position = self._grouped(names)
        shape = (len(groups), 2, self.score_bins)
        cell = (position * 2 + self.cells[:, -3]) * self.score_bins + self.cells[:, -1]
        size = int(np.prod(shape))
        rows, totals = (summed(cell, part, size).reshape(shape) for part in (self.sums.rows, self.sums.scores))
        return ScoreTable(groups, rows, totals)

    def merge(self, other: "JointCounts") -> "JointCounts":
        """Return the counts of this one's rows and the other's together; groups are matched by name.

        Raises
        ------
        DataError
            They were not counted in the same way: other attributes, steps, labels or weights.
        """
        mine = (self.attributes, self.score_bins, self.labelled, self.weighted)
        if mine != (other.attributes, other.score_bins, other.labelled, other.weighted):
            raise DataError("these counts differ in attributes, score steps, labels or weights. Count both alike.")
        groups = tuple(merged_names(*pair) for pair in zip(self.groups, other.groups, strict=True))
        cells = np.concatenate([_renumbered(one.cells, one.groups, groups) for one in (self, other)])
        return self._collected(groups, cells, self.sums.and_then(other.sums))

    def reordered(self, groups: Sequence[Sequence[str]]) -> "JointCounts":
        """Return the same counts with the groups of each attribute in the order given; names that are new have no rows.

        Raises
        ------
        ValueError
            An order repeats a group or leaves one out.
        """
        orders = tuple(tuple(order) for order in groups)
        for own, order in zip(self.groups, orders, strict=True):
            if len(set(order)) != len(order) or not set(own) <= set(order):
                raise ValueError("an order of groups names every group once")
        return self._collected(orders, _renumbered(self.cells, self.groups, orders), self.sums)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "attributes": list(self.attributes),
            "groups": [list(names) for names in self.groups],
            "score_bins": self.score_bins,
            "labelled": self.labelled,
            "cells": self.cells.tolist(),
            **{name: part.tolist() for name, part in self.sums._asdict().items() if part is not None},
        }

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "JointCounts":
        """Inverse of :meth:`to_dict`."""
        kinds = {"rows": np.int64, "weights": np.float64, "squares": np.float64, "scores": np.int64}
        parts: list[Any] = [
            np.array(content[name], dtype=kind) if name in content else None for name, kind in kinds.items()
        ]
        width = len(content["attributes"]) + 3
        return JointCounts(
            tuple(content["attributes"]),
            tuple(tuple(names) for names in content["groups"]),
            np.array(content["cells"], dtype=np.int64).reshape(-1, width),
            Sums(*parts),
            content["score_bins"],
            content["labelled"],
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JointCounts) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def _grouped(self, names: Sequence[str]) -> tuple[tuple[str, ...], Whole]:
        """Names of the groups of an attribute or intersection, and the position of each cell's group."""
        absent = [name for name in names if name not in self.attributes]
        if absent or not names:
            raise DataError(f"there is no attribute '{', '.join(absent)}'. Use: {', '.join(self.attributes)}.")
        at = [self.attributes.index(name) for name in names]
        if len(at) == 1:
            return self.groups[at[0]], self.cells[:, at[0]]
        occurring, position = distinct_cells(self.cells[:, at], [len(self.groups[a]) for a in at])
        joined = tuple(
            JOINED_BY.join(self.groups[a][code] for a, code in zip(at, codes, strict=True)) for codes in occurring
        )
        return joined, position

    def _collected(self, groups: tuple[tuple[str, ...], ...], cells: Whole, sums: Sums) -> "JointCounts":
        """Counts of this kind in which rows of `cells` that are equal are added up."""
        distinct, position = distinct_cells(cells, [*(len(names) for names in groups), 2, 2, max(self.score_bins, 1)])
        added = sums.by(position, len(distinct))
        return JointCounts(self.attributes, groups, distinct, added, self.score_bins, self.labelled)


def count_jointly(
    decisions: npt.ArrayLike,
    groups: pd.DataFrame,
    labels: npt.ArrayLike | None = None,
    scores: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    score_bins: int = 1000,
) -> JointCounts:
    """Count rows by all columns of `groups` at once, by label, decision and step of the score.

    Parameters
    ----------
    decisions : array-like [n] of 0 and 1; 1 is the positive event
    groups : DataFrame [n, a]
        Name of each row's group per attribute; missing is the group `unknown`. Categorical columns keep the order of
        their categories. Aligned by position, not by index.
    labels : array-like [n] of 0 and 1, or None
    scores : array-like [n], probability of the positive event, or None
    weights : array-like [n], positive and finite, or None
    score_bins : int, steps of equal width over [0, 1]

    Raises
    ------
    DataError
        Lengths differ, no or repeated attributes, a value outside its range, or an attribute with more than
        :data:`MOST_GROUPS` groups.
    """
    _require_attributes(groups)
    d = binary_values(decisions, "decisions")
    y = np.zeros(len(d), dtype=np.int8) if labels is None else binary_values(labels, "labels")
    s = None if scores is None else probability_values(scores)
    w = None if weights is None else weight_values(weights)
    given: dict[str, Any] = {"decisions": d, "labels": y, "groups": groups, "scores": s, "weights": w}
    require_equal_lengths({name: len(part) for name, part in given.items() if part is not None})
    coded = [_coded(groups.iloc[:, at], str(name)) for at, name in enumerate(groups.columns)]
    step = np.zeros(len(d), dtype=np.int64) if s is None else score_steps(s, score_bins)
    columns: list[npt.NDArray[Any]] = [*(codes for _, codes in coded), y, d, step]
    widths = [*(len(names) for names, _ in coded), 2, 2, score_bins if s is not None else 1]
    units = None if s is None else np.rint(s * SCORE_UNIT).astype(np.int64)
    cells, sums = counted_cells(columns, widths, w, units)
    return JointCounts(
        tuple(str(name) for name in groups.columns),
        tuple(names for names, _ in coded),
        cells,
        sums,
        score_bins if s is not None else 0,
        labels is not None,
    )


def _require_attributes(groups: pd.DataFrame) -> None:
    if not len(groups.columns):
        raise DataError("there is no sensitive attribute. Give one column of group names per attribute.")
    if not groups.columns.is_unique:
        repeated = groups.columns[groups.columns.duplicated()].unique()
        raise DataError(f"sensitive attributes appear twice: {', '.join(map(str, repeated))}. Rename one of each.")


def _coded(column: pd.Series, name: str) -> tuple[tuple[str, ...], Whole]:
    coded = coded_groups(column)
    names, codes = named_codes(coded) if len(coded.values) <= MOST_GROUPS else ((), coded.codes)
    distinct = max(len(names), len(coded.values))
    if distinct > MOST_GROUPS:
        raise DataError(
            f"the sensitive column '{name}' has {distinct:,} distinct values in {len(column):,} rows, more than the "
            f"{MOST_GROUPS:,} groups that can be compared. Band its numbers or map its values to groups first."
        )
    return names, codes


def _renumbered(cells: Whole, old: tuple[tuple[str, ...], ...], new: tuple[tuple[str, ...], ...]) -> Whole:
    renumbered = cells.copy()
    for column, (before, after) in enumerate(zip(old, new, strict=True)):
        position = {name: at for at, name in enumerate(after)}
        renumbered[:, column] = np.array([position[name] for name in before], dtype=np.int64)[cells[:, column]]
    return renumbered
