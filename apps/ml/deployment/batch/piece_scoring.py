"""From a piece to its part: rows are checked, scored by the server's own scorer, and written as bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from apps.ml.deployment.batch.csv_lines import csv_lines
from apps.ml.deployment.batch.explanations import explanations_of
from apps.ml.deployment.batch.findings import FIELDS, SHOWN_ROWS, MisfitCount, message
from apps.ml.deployment.batch.job import OnMisfit
from apps.ml.deployment.batch.layout import DECISION, EVIDENCE, ROW, SCORE, THRESHOLD, VERSION, Layout
from apps.ml.deployment.batch.pieces import Piece, Table, packed
from apps.ml.deployment.batch.same_scorer import require_right
from apps.ml.deployment.batch.typed_rows import Misfit, TypedRows, expected_of, typed_rows, where
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.models.bundle import Answers


@dataclass(frozen=True)
class Part:
    """What came of a piece.

    `content`: its rows of the output; `misfits`: the rows that were set aside, empty where there are none. Where
    misfits make the job fail, both are empty and `counts` says why.
    """

    number: int
    first_row: int
    rows: int
    scored: int
    content: bytes
    misfits: bytes
    counts: tuple[MisfitCount, ...]


@dataclass(frozen=True)
class PieceScorer:
    """Makes parts of pieces; `as_text`: the input is text."""

    model: ServedModel
    layout: Layout
    as_text: bool
    on_misfit: OnMisfit

    def part(self, piece: Piece) -> Part:
        """Return the part of a piece."""
        rows = typed_rows(piece.table, self.model.bundle.info.columns, self.as_text)
        numbers = piece.row_numbers
        counts = _counts(piece, rows.misfits, numbers)
        if counts and self.on_misfit == "fail":
            return Part(piece.number, piece.first_row, piece.rows, 0, b"", b"", counts)
        content = self._content(piece.table, rows, numbers)
        misfits = self._misfits(piece, rows, numbers) if counts else b""
        return Part(piece.number, piece.first_row, piece.rows, len(rows.frame), content, misfits, counts)

    def _content(self, table: Table, rows: TypedRows, numbers: npt.NDArray[np.int64]) -> bytes:
        answers = self._answers(rows.frame)
        columns = [*self._kept(where(rows.fits, table), rows), *self._results(answers, numbers[rows.fits])]
        if self.layout.explains:
            columns.append(pa.array(explanations_of(self.model, rows.frame, answers), pa.string()))
        written = pa.table(columns, schema=self.layout.schema)
        return packed(written) if self.layout.kind == "parquet" else csv_lines(written)

    def _answers(self, frame: pd.DataFrame) -> Answers:
        if not len(frame):
            return Answers(np.empty(0), None)
        answers = self.model.scorer.answers(frame)
        require_right(self.model, frame, answers)
        return answers

    def _kept(self, table: Table, rows: TypedRows) -> list[object]:
        """Kept columns of the rows that fit: as they came, or typed where texts become Parquet."""
        found: list[object] = []
        for name in self.layout.kept:
            kind = self.layout.schema.field(name).type
            came = table.column(name)
            typed = came if came.type == kind else pa.array(rows.frame[name].to_numpy(), from_pandas=True).cast(kind)
            found.append(typed)
        return found

    def _results(self, answers: Answers, numbers: npt.NDArray[np.int64]) -> list[object]:
        schema, prefix, count = self.layout.schema, self.layout.prefix, len(numbers)
        threshold = None if answers.decisions is None else self.model.bundle.info.threshold
        values: dict[str, object] = {
            ROW: pa.array(numbers),
            SCORE: pa.array(answers.scores),
            DECISION: pa.nulls(count, pa.int8()) if answers.decisions is None else pa.array(answers.decisions),
        }
        for name, value in ((THRESHOLD, threshold), (VERSION, self.model.version), (EVIDENCE, self.model.evidence)):
            values[name] = pa.repeat(pa.scalar(value, schema.field(prefix + name).type), count)
        return list(values.values())

    def _misfits(self, piece: Piece, rows: TypedRows, numbers: npt.NDArray[np.int64]) -> bytes:
        reasons = self._reasons(rows.misfits, numbers)
        among = pa.table(
            [
                pa.array(numbers[~rows.fits]),
                pa.array([reasons[number] for number in numbers[~rows.fits].tolist()], pa.string()),
                *where(~rows.fits, piece.table).columns,
            ],
            schema=self.layout.misfits_schema,
        )
        irregular = pa.table(
            [
                pa.array([record.row for record in piece.irregular], pa.int64()),
                pa.array([f"{message(FIELDS)}: {record.fields}" for record in piece.irregular], pa.string()),
                *(pa.nulls(len(piece.irregular), field.type) for field in self.layout.input_schema),
            ],
            schema=self.layout.misfits_schema,
        )
        return packed(pa.concat_tables([among, irregular]).sort_by(self.layout.prefix + ROW))

    def _reasons(self, misfits: Sequence[Misfit], numbers: npt.NDArray[np.int64]) -> dict[int, str]:
        """Return row number → everything that is wrong with the row."""
        columns = {column.name: column for column in self.model.bundle.info.columns}
        reasons: dict[int, str] = {}
        for misfit in misfits:
            said = f"column '{misfit.column}': {message(misfit.code)}; expected {expected_of(columns[misfit.column])}"
            for number in numbers[misfit.at].tolist():
                reasons[number] = f"{reasons[number]}. {said}" if number in reasons else said
        return reasons


def _counts(piece: Piece, misfits: Sequence[Misfit], numbers: npt.NDArray[np.int64]) -> tuple[MisfitCount, ...]:
    found = [
        MisfitCount(misfit.column, misfit.code, len(misfit.at), tuple(numbers[misfit.at[:SHOWN_ROWS]].tolist()))
        for misfit in misfits
    ]
    if piece.irregular:
        first = tuple(record.row for record in piece.irregular[:SHOWN_ROWS])
        found.append(MisfitCount(None, FIELDS, len(piece.irregular), first))
    return tuple(found)
