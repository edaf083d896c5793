"""Parquet files in pieces of constant memory: one file, or all of a folder in the order of their names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.batch.job import PARQUET_ENDINGS, Job
from apps.ml.deployment.batch.pieces import IsDone, Piece, Schema, Table
from apps.ml.deployment.batch.typed_rows import require_types
from apps.ml.deployment.batch.wanted_columns import wanted_columns
from apps.ml.errors import DataError

BUFFER_BYTES = 2**20
HIDDEN = (".", "_")
"""What names begin with that other tools put beside the rows, such as `_SUCCESS`."""


@dataclass(frozen=True)
class _Span:
    """Rows of one file that make a piece: `start` within the file, `first_row` within the input."""

    number: int
    start: int
    rows: int
    first_row: int

    @property
    def end(self) -> int:
        return self.start + self.rows


class ParquetSource:
    """Opened Parquet files whose columns were checked; see :class:`~apps.ml.deployment.batch.pieces.RowSource`.

    A piece never holds rows of two files.
    """

    as_text = False

    def __init__(self, job: Job, columns: Sequence[ColumnSchema]) -> None:
        self._paths = parquet_files(job.source)
        self._rows: list[int] = []
        self._read = 0
        wanted: list[str] = []
        for path in self._paths:
            with _opened(path) as file:
                wanted = wanted or wanted_columns(file.schema_arrow.names, columns, job.keep, str(path))
                self._check(path, file, wanted, columns)
                self._rows.append(file.metadata.num_rows)

    @property
    def schema(self) -> Schema:
        """See :class:`RowSource`."""
        return self._schema

    @property
    def done(self) -> float:
        """See :class:`RowSource`."""
        return self._read / max(sum(self._rows), 1)

    def pieces(self, chunk_rows: int, is_done: IsDone) -> Iterator[Piece]:
        """See :meth:`RowSource.pieces`."""
        number = first_row = 0
        for path, rows in zip(self._paths, self._rows, strict=True):
            starts = range(0, rows, chunk_rows)
            spans = [
                _Span(number + at, start, min(chunk_rows, rows - start), first_row + start)
                for at, start in enumerate(starts)
            ]
            yield from self._pieces_of_file(path, chunk_rows, [span for span in spans if not is_done(span.number)])
            number, first_row = number + len(spans), first_row + rows
            self._read = first_row

    def _check(self, path: Path, file: Any, wanted: list[str], columns: Sequence[ColumnSchema]) -> None:
        absent = [name for name in wanted if name not in file.schema_arrow.names]
        if absent:
            raise DataError(f"{path} lacks the column '{absent[0]}', which other files of the folder have. Mend it.")
        schema = pa.schema([file.schema_arrow.field(name) for name in wanted]).remove_metadata()
        require_types(schema, columns, str(path))
        if path == self._paths[0]:
            self._schema = schema
        different = [name for name in wanted if schema.field(name).type != self._schema.field(name).type]
        if different:
            raise DataError(
                f"{path}: the column '{different[0]}' holds {schema.field(different[0]).type}, in "
                f"{self._paths[0].name} it holds {self._schema.field(different[0]).type}. Write all files of the "
                "folder with the same types."
            )

    def _pieces_of_file(self, path: Path, chunk_rows: int, spans: list[_Span]) -> Iterator[Piece]:
        if not spans:
            return
        with _opened(path) as file:
            position, groups = _groups_from(file, spans[0].start)
            waiting: list[Table] = []
            batches = file.iter_batches(
                batch_size=chunk_rows, row_groups=groups, columns=self._schema.names, use_threads=False
            )
            for batch in batches:
                rows = pa.Table.from_batches([batch]).select(self._schema.names).replace_schema_metadata(None)
                before, position = position, position + rows.num_rows
                while spans:
                    first, last = max(before, spans[0].start), min(position, spans[0].end)
                    waiting.append(rows.slice(first - before, max(last - first, 0)))
                    if position < spans[0].end:
                        break
                    yield self._whole(spans.pop(0), waiting)
                    waiting = []
                if not spans:
                    return

    def _whole(self, span: _Span, rows: list[Table]) -> Piece:
        self._read = span.first_row + span.rows
        return Piece(span.number, span.first_row, span.rows, pa.concat_tables(rows).combine_chunks())


def parquet_files(source: Path) -> list[Path]:
    """Return the file, or the Parquet files of the folder, by name.

    Raises
    ------
    DataError
        The folder holds no Parquet file, or folders.
    """
    if not source.is_dir():
        return [source]
    shown = [path for path in sorted(source.iterdir()) if not path.name.startswith(HIDDEN)]
    if any(path.is_dir() for path in shown):
        raise DataError(f"{source} holds folders. Name one whose Parquet files lie side by side.")
    files = [path for path in shown if path.name.lower().endswith(PARQUET_ENDINGS)]
    if not files:
        raise DataError(f"{source} holds no Parquet file. Name a folder of files that end with .parquet.")
    return files


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with parquet.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            yield file
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        raise DataError(
            f"{path} cannot be read as Parquet: it is damaged or cut off. Fetch the whole file again."
        ) from None


def _groups_from(file: Any, row: int) -> tuple[int, list[int]]:
    """Return the first row of the row group that holds `row`, and the numbers of that group and the later ones."""
    start = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if row < start + rows:
            return start, list(range(group, file.num_row_groups))
        start += rows
    return start, []
