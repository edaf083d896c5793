"""Principal reasons of single decisions: those of the evidence, from tables where the version has tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.explaining.asked_rows import AskedRows
from apps.ml.deployment.explaining.contribution_part import Patterns
from apps.ml.deployment.explaining.leaf_neighbours import LeafNeighbours
from apps.ml.deployment.explaining.nearby_scores import NearbyFinder, nearby_finder
from apps.ml.deployment.explaining.row_explanation import GivenReason, RowExplanation
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.evaluation.explanations.coded_rows import CodedRule
from apps.ml.evaluation.explanations.reasons_given.reason_words import reason_in_words
from apps.ml.evaluation.explanations.reasons_given.reasons import RankedReasons, Reason, ReasonFinder
from apps.ml.evaluation.explanations.scored_model import FloatArray


class CodedValues:
    """Codes values as :meth:`CodedRule.codes` codes a frame; what nobody knows of a category gets a code behind all."""

    def __init__(self, coded: CodedRule) -> None:
        self._known = [
            {name: float(place) for place, name in enumerate(categories)} if column.kind == "categorical" else None
            for column, categories in zip(coded.columns, coded.categories, strict=True)
        ]

    def codes(self, values: Sequence[Value]) -> FloatArray:
        """Return float64 [1, columns] of one row of values that fit the columns."""
        row = [
            np.nan if value is None else float(value) if known is None else known.get(str(value), float(len(known)))
            for value, known in zip(values, self._known, strict=True)
        ]
        return np.array([row])


@dataclass(frozen=True)
class ReasonPart:
    """Finds the reasons of unfavourable decisions. `method`: how they are chosen, in words, and against whom.

    `neighbours`: None where every replaced row has to be scored.
    """

    finder: ReasonFinder
    neighbours: LeafNeighbours | None
    method: str
    coded: CodedValues
    nearby: NearbyFinder

    def fill_in(
        self, found: Sequence[RowExplanation], rows: AskedRows, patterns: Patterns, chosen: Sequence[int]
    ) -> None:
        """Write the reasons of the chosen rows into their explanations."""
        if self.neighbours is None:
            self._score_replaced(found, rows, chosen)
            return
        for row in chosen:
            codes = self.coded.codes(rows.values[row])
            near = self.nearby.of_row(codes, *self.neighbours.outputs(patterns[row]))
            self._write([found[row]], near, codes, near.rank(codes))

    def _score_replaced(self, found: Sequence[RowExplanation], rows: AskedRows, chosen: Sequence[int]) -> None:
        frame = rows.frame.iloc[list(chosen)]
        knowing = self.finder.knowing(frame)
        codes = knowing.coded.codes(frame)
        self._write([found[row] for row in chosen], knowing, codes, knowing.rank(codes))

    def _write(
        self, found: Sequence[RowExplanation], finder: ReasonFinder, codes: FloatArray, ranked: RankedReasons
    ) -> None:
        withheld = (ranked.strongest >= 0) & ~finder.may_be_given[ranked.strongest]
        for row, reasons, hidden in zip(found, finder.listed(codes, ranked), withheld.tolist(), strict=True):
            row.reasons, row.reasons_method = _in_words(reasons, finder.coded.columns), self.method
            row.strongest_withheld = hidden


def reason_part(finder: ReasonFinder, neighbours: LeafNeighbours | None, method: str) -> ReasonPart:
    """Prepare a finder for single rows."""
    return ReasonPart(finder, neighbours, method, CodedValues(finder.coded), nearby_finder(finder))


def _in_words(reasons: Sequence[Reason], columns: Sequence[ColumnSchema]) -> tuple[GivenReason, ...]:
    """Two columns with the same words are one reason, as in the evidence: the first stands for both."""
    by_name = {column.name: column for column in columns}
    found: dict[str, GivenReason] = {}
    for reason in reasons:
        words = reason_in_words(reason, by_name[reason.column])
        found.setdefault(words, GivenReason(reason.column, reason.direction, words))
    return tuple(found.values())
