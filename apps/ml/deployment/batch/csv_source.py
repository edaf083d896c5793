"""A CSV file in pieces of constant memory: only the needed columns are made, every one as text."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.batch.csv_file import (
    LONGEST_RECORD,
    codec_name,
    explained_bytes,
    not_in_encoding,
    read_header,
    unclosed_quotation,
)
from apps.ml.deployment.batch.job import Job
from apps.ml.deployment.batch.pieces import Irregular, IsDone, Piece, Schema, Table
from apps.ml.deployment.batch.wanted_columns import wanted_columns
from apps.ml.errors import DataError
from apps.ml.evaluation.audit.csv_header import WatchedFile

HEADER_RECORDS = 2
"""Arrow counts records from 1, and the first is the header."""

_RECORD = re.compile(r"Row #(\d+)")
OTHER_SEPARATORS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}


class CsvSource:
    """An opened CSV file, whose header was checked; see :class:`~apps.ml.deployment.batch.pieces.RowSource`."""

    as_text = True

    def __init__(self, job: Job, columns: Sequence[ColumnSchema]) -> None:
        self._job = job
        self._header = read_header(job.source, job.separator, job.encoding)
        try:
            self._wanted = wanted_columns(self._header.names, columns, job.keep, str(job.source))
        except DataError:
            _refuse_separator(job, columns)
            raise
        self._file: WatchedFile | None = None

    @property
    def schema(self) -> Schema:
        """See :class:`RowSource`."""
        return pa.schema([(name, pa.string()) for name in self._wanted])

    @property
    def done(self) -> float:
        """See :class:`RowSource`."""
        return 0.0 if self._file is None else self._file.done

    def pieces(self, chunk_rows: int, is_done: IsDone) -> Iterator[Piece]:
        """See :meth:`RowSource.pieces`. A record with too many or too few fields is handed on as irregular."""
        if not self._header.rows_follow:
            return
        path = self._job.source
        irregular: list[Irregular] = []
        cutter = _Cutter(chunk_rows, self.schema)
        with closing(WatchedFile(path)) as self._file, _explaining(self._job):
            for batch in self._batches(self._file, irregular):
                cutter.take(batch, irregular)
                yield from (piece for piece in cutter.whole() if not is_done(piece.number))
            yield from (piece for piece in cutter.rest(irregular) if not is_done(piece.number))
            if self._file.quotes % 2:
                raise unclosed_quotation(path)

    def _batches(self, file: WatchedFile, irregular: list[Irregular]) -> Iterator[Table]:
        names = self._header.names
        positions = {name: str(names.index(name)) for name in self._wanted}

        def note(record: Any) -> str:
            irregular.append(Irregular(record.number - HEADER_RECORDS, record.actual_columns))
            return "skip"

        reader = arrow_csv.open_csv(
            pa.PythonFile(file, mode="r"),
            read_options=arrow_csv.ReadOptions(
                use_threads=False,
                block_size=LONGEST_RECORD,
                skip_rows=self._header.blank_lines,
                column_names=[str(at) for at in range(len(names))],
                skip_rows_after_names=1,
                encoding=codec_name(self._job.source, self._job.encoding),
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._job.separator,
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,
                invalid_row_handler=note,
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(positions.values()),
                column_types=dict.fromkeys(positions.values(), pa.string()),
                strings_can_be_null=True,
                null_values=["", *self._job.missing],
            ),
        )
        for batch in reader:
            yield pa.Table.from_batches([batch]).rename_columns(list(positions))


class _Cutter:
    """Cuts batches into pieces of as many records, irregular ones counted."""

    def __init__(self, chunk_rows: int, schema: Schema) -> None:
        self._chunk_rows, self._schema = chunk_rows, schema
        self._number = 0
        self._seen = 0
        self._waiting: list[tuple[int, Table]] = []
        self._irregular: list[Irregular] = []

    def take(self, batch: Table, irregular: list[Irregular]) -> None:
        """Note rows that follow those before; `irregular` holds at least all records up to the last of them."""
        start = 0
        while start < batch.num_rows:
            self._note_irregular(irregular)
            next_irregular = irregular[0].row if irregular else self._seen + batch.num_rows
            rows = min(next_irregular - self._seen, batch.num_rows - start)
            self._waiting.append((self._seen, batch.slice(start, rows)))
            start, self._seen = start + rows, self._seen + rows

    def whole(self) -> Iterator[Piece]:
        """Yield the pieces of which every record was seen."""
        while self._seen >= (self._number + 1) * self._chunk_rows:
            yield self._cut((self._number + 1) * self._chunk_rows)

    def rest(self, irregular: list[Irregular]) -> Iterator[Piece]:
        """Yield what remains at the end of the file."""
        self._note_irregular(irregular)
        yield from self.whole()
        if self._seen > self._number * self._chunk_rows:
            yield self._cut(self._seen)

    def _note_irregular(self, irregular: list[Irregular]) -> None:
        while irregular and irregular[0].row == self._seen:
            self._irregular.append(irregular.pop(0))
            self._seen += 1

    def _cut(self, end: int) -> Piece:
        first = self._number * self._chunk_rows
        inside, after = [], []
        for start, rows in self._waiting:
            cut = max(0, min(rows.num_rows, end - start))
            if cut:
                inside.append(rows.slice(0, cut))
            if cut < rows.num_rows:
                after.append((start + cut, rows.slice(cut)))
        self._waiting = after
        among = tuple(record for record in self._irregular if record.row < end)
        self._irregular = self._irregular[len(among) :]
        table = pa.concat_tables(inside) if inside else self._schema.empty_table()
        self._number += 1
        return Piece(self._number - 1, first, end - first, table.combine_chunks(), among)


@contextmanager
def _explaining(job: Job) -> Iterator[None]:
    """Turn what reading raises into an error that names the place and quotes no value."""
    with explained_bytes(job.source, job.encoding):
        try:
            yield
        except pa.ArrowInvalid as error:
            record = _RECORD.search(str(error))
            if "invalid UTF8" in str(error):
                where = f", record {record.group(1)}" if record else ""
                raise not_in_encoding(job.source, job.encoding, where) from None
            raise unclosed_quotation(job.source) from None


def _refuse_separator(job: Job, columns: Sequence[ColumnSchema]) -> None:
    """Say so where another separator would find every column."""
    needed = {column.name for column in columns}
    for separator, shown in OTHER_SEPARATORS.items():
        if separator != job.separator and needed <= set(read_header(job.source, separator, job.encoding).names):
            raise DataError(f"{job.source} is separated by {shown}. Give --separator {shown}.")
