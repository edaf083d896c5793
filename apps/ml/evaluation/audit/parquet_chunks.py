"""A Parquet file in chunks of constant memory: only the needed columns are read, batch by batch."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.evaluation.audit.chunks import (
    Chunk,
    TextColumn,
    plain_name,
    require_columns,
    require_few_values,
    text_column,
)
from apps.ml.evaluation.audit.options import AuditOptions

BATCH_ROWS = 200_000
BUFFER_BYTES = 2**20
PARQUET_START = b"PAR1"


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does; OSError where it cannot be read."""
    with path.open("rb") as stream:
        return stream.read(len(PARQUET_START)) == PARQUET_START


def parquet_chunks(options: AuditOptions) -> Iterator[Chunk]:
    """Yield the rows of a Parquet file in their order.

    Raises
    ------
    DataError
        The file is damaged, has no rows, lacks a column, or a column holds lists, bytes, what cannot be written out or,
        where numbers are needed, something else.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(options.path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            needed = [*options.text_columns, *options.number_columns]
            written = {plain_name(name): name for name in file.schema_arrow.names}
            require_columns(needed, [plain_name(name) for name in file.schema_arrow.names], str(options.path))
            total = file.metadata.num_rows
            if total == 0:
                raise DataError(f"{options.path} has column names and no rows. Provide the whole table.")
            before = 0
            for batch in file.iter_batches(
                batch_size=BATCH_ROWS, columns=[written[name] for name in needed], use_threads=False
            ):
                columns = {name: batch.column(written[name]) for name in needed}
                yield _chunk(columns, options, before, batch.num_rows, (before + batch.num_rows) / total)
                before += batch.num_rows
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeError):
        raise DataError(
            f"{options.path} cannot be read as Parquet: it is damaged or cut off. Fetch the whole file again."
        ) from None


def _chunk(columns: Mapping[str, Any], options: AuditOptions, before: int, rows: int, done: float) -> Chunk:
    texts = {name: _text(columns[name], name, options, before) for name in options.text_columns}
    numbers = {name: _numbers(columns[name], name) for name in options.number_columns}
    return Chunk(before + 1, rows, texts, numbers, done)


def _text(column: Any, name: str, options: AuditOptions, before: int) -> TextColumn:
    import pyarrow as pa

    try:
        column = column.cast(pa.float32()) if pa.types.is_float16(column.type) else column
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError, AttributeError):
        raise DataError(f"the column '{name}' holds {column.type}, not single values. Name another column.") from None
    if name not in options.bands:
        require_few_values(name, len(coded.dictionary), before + len(column))
    try:
        values = coded.dictionary.to_pylist()
    except (ValueError, OverflowError):
        raise DataError(
            f"the column '{name}' holds text that is not UTF-8, or moments outside of the calendar. Write it as "
            "plain text."
        ) from None
    if any(isinstance(value, list | dict | bytes) for value in values):
        raise DataError(f"the column '{name}' holds {column.type}, not single values. Name another column.")
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return text_column([_written(value) for value in values], codes, options.missing_texts)


def _written(value: Any) -> str | None:
    """A value as a CSV file would hold it; whole numbers without a decimal point, nothing for NaN."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _numbers(column: Any, name: str) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    try:
        # Whole numbers beyond 2⁵³ are rounded to the nearest float, as in a CSV file.
        cast = column.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"the column '{name}' holds something that is not a number. Give a number or nothing in every row."
        ) from None
    values: npt.NDArray[np.float64] = cast.to_numpy(zero_copy_only=False).astype(np.float64)
    return values
