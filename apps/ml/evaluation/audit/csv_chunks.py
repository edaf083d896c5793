"""A CSV file in chunks of constant memory: only the needed columns are made, every irregular line is an error."""

import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.ml.errors import DataError
from apps.ml.evaluation.audit.chunks import Chunk, TextColumn, require_columns, require_few_values
from apps.ml.evaluation.audit.csv_header import WatchedFile, read_header, wrong_encoding
from apps.ml.evaluation.audit.options import AuditOptions

BLOCK_BYTES = 8 * 2**20
"""Bytes of a chunk; a record that is longer is taken for a quotation mark that was never closed."""

LISTED = 5
"""How many irregular lines an error lists."""

_RECORD = re.compile(r"Row #(\d+)")
_COLUMN = re.compile(r"In CSV column #(\d+)")
_UNCLOSED = "a quotation mark is opened and never closed. Mend the quoting in the file."


def csv_chunks(options: AuditOptions) -> Iterator[Chunk]:
    """Yield the rows of a CSV file (also one that is compressed as .gz) in their order.

    Raises
    ------
    DataError
        The file has no header or no rows, lacks a column, is not text in its encoding, or holds lines with more or
        fewer fields than the header.
    """
    import pyarrow as pa

    header, separator = read_header(options)
    needed = (*options.text_columns, *options.number_columns)
    require_columns(needed, header, str(options.path))
    irregular: list[tuple[int, int]] = []
    watched = WatchedFile(options.path)
    try:
        rows = 0
        for batch in _batches(watched, header, separator, options, irregular):
            if irregular:
                raise DataError(_irregular_lines(options.path, len(header), irregular, separator))
            if batch.num_rows:
                yield _chunk(batch, options, header, rows, watched.done)
            rows += batch.num_rows
        if irregular:
            raise DataError(_irregular_lines(options.path, len(header), irregular, separator))
    except (EOFError, gzip.BadGzipFile):
        raise DataError(f"{options.path} is not a whole gzip file. Fetch it again.") from None
    except pa.ArrowInvalid as error:
        if irregular:
            raise DataError(_irregular_lines(options.path, len(header), irregular, separator)) from None
        raise _explained(error, header, options) from None
    finally:
        watched.close()
    if rows == 0:
        raise DataError(f"{options.path} has column names and no rows. Provide the whole table.")
    if watched.quotes % 2 and not options.encoding.lower().startswith("utf-16"):
        raise DataError(f"{options.path} cannot be read as CSV without doubt: {_UNCLOSED}")


def _batches(
    watched: WatchedFile, header: list[str], separator: str, options: AuditOptions, irregular: list[tuple[int, int]]
) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    text = pa.dictionary(pa.int32(), pa.string())
    kinds: dict[str, Any] = {str(header.index(name)): text for name in options.text_columns}
    kinds |= {str(header.index(name)): pa.float64() for name in options.number_columns}

    def note(row: Any) -> str:
        irregular.append((row.number or 0, row.actual_columns))
        return "skip" if len(irregular) <= LISTED else "error"

    yield from arrow_csv.open_csv(
        pa.PythonFile(watched, mode="r"),
        read_options=arrow_csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES,
            column_names=[str(at) for at in range(len(header))],
            skip_rows_after_names=1,
            encoding=options.encoding,
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=note),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=list(kinds),
            column_types=kinds,
            strings_can_be_null=True,
            null_values=["", *options.missing_texts],
        ),
    )


def _chunk(batch: Any, options: AuditOptions, header: Sequence[str], before: int, done: float) -> Chunk:
    texts = {}
    for name in options.text_columns:
        column = batch.column(str(header.index(name)))
        require_few_values(name, len(column.dictionary), before + batch.num_rows)
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        texts[name] = TextColumn(tuple(column.dictionary.to_pylist()), codes)
    numbers = {
        name: batch.column(str(header.index(name))).to_numpy(zero_copy_only=False).astype(np.float64)
        for name in options.number_columns
    }
    return Chunk(before + 2, batch.num_rows, texts, numbers, done)


def _explained(error: Exception, header: Sequence[str], options: AuditOptions) -> DataError:
    """Say what Arrow found, without the value that it quotes."""
    message = str(error)
    record, column = _RECORD.search(message), _COLUMN.search(message)
    where = f", line {record.group(1)}" if record else ""
    if "invalid UTF8" in message or "codec" in message:
        return wrong_encoding(options, where)
    if column:
        names = [*options.text_columns, *options.number_columns]
        name = header[int(column.group(1))] if int(column.group(1)) < len(header) else names[-1]
        return DataError(
            f"{options.path}{where}: the column '{name}' holds something that is not a number. Give a number or an "
            "empty field in every row."
        )
    return DataError(f"{options.path} cannot be read as CSV: {_UNCLOSED}")


def _irregular_lines(path: Path, expected: int, irregular: Sequence[tuple[int, int]], separator: str) -> str:
    listed = ", ".join(f"line {line} has {fields}" for line, fields in irregular[:LISTED])
    more = " and there are more" if len(irregular) > LISTED else ""
    return (
        f"{path}: lines with the wrong number of fields; expected {expected} as in the header, but {listed}{more}. "
        f"Mend these lines (is a separator not quoted?), or give --separator; {separator!r} was used."
    )
