"""Counterfactuals: the smallest change of a person's values that gives the favourable decision by the deployed rule.

Only what the person can change is changed, only in its direction, only within declared limits and to categories that
occur, and at most as many columns as asked for. The cost is the sum of the changes: of a number in robust deviations of
the reference rows, of a truth value or category 1. "None found" is an answer.

Columns are changed one by one, as if nothing else followed from it; what a change brings about in other columns (a
higher income and the savings) is not known here. A counterfactual says what the rule would answer, and is no promise
that the change causes the outcome.

References
----------
Wachter, Mittelstadt, Russell (2018), Counterfactual explanations without opening the black box, Harvard Journal of Law
& Technology 31. Ustun, Spangher, Liu (2019), Actionable recourse in linear classification, FAT*. Karimi, Schölkopf,
Valera (2021), Algorithmic recourse: from counterfactual explanations to interventions, FAccT (what independent changes
leave out).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from apps.ml.data.processed import AttributeSchema
from apps.ml.evaluation.explanations.coded_rows import CodedRule, coded_rule
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.explanations.ways.counterfactual_search import cheapest_ways
from apps.ml.evaluation.explanations.ways.possible_changes import PossibleChanges, possible_changes

DIGITS = 4
"""Significant digits of a change's size in the record."""


@dataclass(frozen=True)
class Change:
    """One changed column: `increase` or `decrease` of a number by so many robust deviations, or another `value`.

    `value` is what the column would have to be, in the type of the data. It is for whoever may see the person's values
    and is in no record.
    """

    column: str
    direction: Literal["increase", "decrease", "change"]
    deviations: float
    value: float | str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form without any value: column, direction, deviations (1 for a truth value or category)."""
        return {"column": self.column, "direction": self.direction, "deviations": _rounded(self.deviations)}


@dataclass(frozen=True)
class Counterfactual:
    """Changes that together give the favourable decision, the dearest first, and their cost in deviations."""

    changes: tuple[Change, ...]
    cost: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form without any value of the person."""
        return {"cost": _rounded(self.cost), "changes": [change.to_dict() for change in self.changes]}


@dataclass(frozen=True)
class CounterfactualFinder:
    """The deployed rule with what can be changed, and how many columns at most."""

    coded: CodedRule
    changes: PossibleChanges
    most_changes: int

    @property
    def actionable(self) -> tuple[str, ...]:
        """Names of the columns that can be changed, in the order of the rule."""
        able = [
            bool(direction) and len(values) > 0
            for direction, values in zip(self.changes.direction, self.changes.values, strict=True)
        ]
        return tuple(column.name for column, yes in zip(self.coded.columns, able, strict=True) if yes)

    def find(self, frame: pd.DataFrame) -> list[Counterfactual | None]:
        """Return the counterfactual of each row of a typed frame, None where none was found.

        A row that is decided favourably as it is needs no change: its counterfactual has no changes and costs 0.

        Raises
        ------
        DataError
            The frame lacks an input column.
        """
        coded = self.coded.knowing(frame)
        rows = coded.codes(frame)
        decided = coded.favourable(coded.scores(rows)) if len(rows) else np.empty(0, dtype=np.bool_)
        found: list[Counterfactual | None] = [Counterfactual((), 0.0) if good else None for good in decided]
        searched = np.flatnonzero(~decided)
        ways = cheapest_ways(coded, self.changes, rows[searched], self.most_changes)
        for row, codes in zip(ways.row, ways.codes, strict=True):
            position = int(searched[row])
            found[position] = self._described(coded, rows[position], codes)
        return found

    def _described(self, coded: CodedRule, before: FloatArray, after: FloatArray) -> Counterfactual:
        cost = self.changes.cost(before[None], after[None])[0]
        order = [int(column) for column in np.argsort(-cost, kind="stable") if cost[column] > 0]
        changes = tuple(_change(coded, column, before[column], after[column], cost[column]) for column in order)
        return Counterfactual(changes, float(cost.sum()))


def counterfactual_finder(
    rule: DecisionRule, reference: pd.DataFrame, attributes: Iterable[AttributeSchema], most_changes: int
) -> CounterfactualFinder:
    """Prepare a rule for finding counterfactuals; nothing is drawn at random.

    Parameters
    ----------
    rule : DecisionRule
    reference : typed data frame [m, columns]
        Its values, deviations and categories say what can be reached and what a change costs.
    attributes : AttributeSchema of every sensitive attribute
        Columns that carry one are never changed.
    most_changes : int, at least 1
    """
    coded = coded_rule(rule, [reference])
    changes = possible_changes(coded, coded.codes(reference), attributes)
    return CounterfactualFinder(coded, changes, most_changes)


def _change(coded: CodedRule, column: int, before: float, after: float, cost: float) -> Change:
    schema = coded.columns[column]
    if schema.kind == "categorical":
        return Change(schema.name, "change", float(cost), coded.categories[column][int(after)])
    if schema.kind == "boolean":
        return Change(schema.name, "change", float(cost), float(after))
    return Change(schema.name, "increase" if after > before else "decrease", float(cost), float(after))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
