"""What a file holds: number of rows, columns with their types, the first rows. It is read part by part."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from apps.ml.errors import DataError
from apps.ml.evaluation.audit.chunks import plain_name
from apps.ml.evaluation.audit.csv_chunks import csv_batches
from apps.ml.evaluation.audit.csv_header import read_header
from apps.ml.evaluation.audit.parquet_chunks import is_parquet
from apps.ml.evidence_service.audits.column_types import WrittenColumn, shown_of_arrow, type_of_arrow
from apps.ml.evidence_service.audits.query import TableQuery

SHOWN_ROWS = 5
MOST_COLUMNS = 2_000


@dataclass(frozen=True)
class WholeCsv:
    """A CSV file of which every column is read as text."""

    path: Path
    separator: str | None
    encoding: str
    text_columns: tuple[str, ...] = ()
    number_columns: tuple[str, ...] = ()
    missing_texts: tuple[str, ...] = ()


def describe_table(path: Path, query: TableQuery) -> dict[str, Any]:
    """Return `rows`, `columns` (`name`, `type`), `preview` (the first rows, by column) and `left_out`.

    `left_out` names columns that hold lists or bytes: no audit can use them, and they have none of the types.

    Raises
    ------
    DataError, RefusalError
        The file cannot be read as a table, has a column name twice, or more columns than are described.
    """
    if is_parquet(path):
        # Imported for Parquet alone: it brings the web framework with it.
        from apps.ml.evidence_service.audits.parquet_bounds import require_bounded_parquet

        require_bounded_parquet(path, ())
        return _described_parquet(path)
    return _described_csv(WholeCsv(path, query.separator_character(), query.encoding), query.missing_texts())


def _described_csv(file: WholeCsv, missing: Sequence[str]) -> dict[str, Any]:
    header = read_header(file)
    _require_describable(file.path, header.names)
    columns = [WrittenColumn(name, missing) for name in header.names]
    rows, first = 0, None
    for batch, _ in csv_batches(file, header, {str(at): pa.string() for at in range(len(columns))}):
        first = batch.slice(0, SHOWN_ROWS) if first is None else first
        for at, column in enumerate(columns):
            column.look(batch.column(str(at)))
        rows += batch.num_rows
    shown = first.to_pylist() if first is not None else []
    preview = [{column.name: column.shown(row[str(at)]) for at, column in enumerate(columns)} for row in shown]
    return {
        "rows": rows,
        "columns": [{"name": column.name, "type": column.type} for column in columns],
        "preview": preview,
        "left_out": [],
    }


def _described_parquet(path: Path) -> dict[str, Any]:
    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            names = file.schema_arrow.names
            _require_describable(path, [plain_name(name) for name in names])
            rows = file.metadata.num_rows
            if rows == 0:
                raise DataError(f"{path} has column names and no rows. Provide the whole table.")
            types = {name: type_of_arrow(file.schema_arrow.field(name).type) for name in names}
            kept = {name: kind for name, kind in types.items() if kind is not None}
            batch = next(file.iter_batches(SHOWN_ROWS, columns=list(kept), use_threads=False), None) if kept else None
            shown = [] if batch is None else batch.to_pylist()
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        raise DataError(f"{path} cannot be read as Parquet: it is damaged or cut off. Send the whole file.") from None
    return {
        "rows": rows,
        "columns": [{"name": plain_name(name), "type": kind} for name, kind in kept.items()],
        "preview": [
            {plain_name(name): shown_of_arrow(row[name], kind) for name, kind in kept.items()} for row in shown
        ],
        "left_out": [plain_name(name) for name, kind in types.items() if kind is None],
    }


def _require_describable(path: Path, names: Sequence[str]) -> None:
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{path} has {len(names):,} columns, more than the {MOST_COLUMNS:,} that are described. Send those "
            "that are needed."
        )
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path} has more than one column named '{repeated}'. Rename all but the one that is meant.")
