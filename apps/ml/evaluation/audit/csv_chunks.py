"""A CSV file in chunks of constant memory: only the needed columns are made, every irregular line is an error."""

import contextlib
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from apps.ml.errors import DataError
from apps.ml.evaluation.audit.chunks import Chunk, require_columns, require_few_values, text_column
from apps.ml.evaluation.audit.csv_header import (
    UNCLOSED,
    CsvFile,
    Header,
    WatchedFile,
    codec_name,
    damaged_gzip,
    read_header,
    wrong_encoding,
)
from apps.ml.evaluation.audit.options import AuditOptions

BLOCK_BYTES = 8 * 2**20
"""Bytes of a chunk; a record that is longer is taken for a quotation mark that was never closed."""

LISTED = 5
"""How many irregular lines an error lists."""

_RECORD = re.compile(r"Row #(\d+)")
_COLUMN = re.compile(r"In CSV column #(\d+)")


def csv_chunks(options: AuditOptions) -> Iterator[Chunk]:
    """Yield the rows of a CSV file (also one that is compressed as .gz) in their order.

    Raises
    ------
    DataError
        The file lacks a column, or what :func:`csv_batches` raises.
    """
    import pyarrow as pa

    header = read_header(options)
    require_columns((*options.text_columns, *options.number_columns), header.names, str(options.path))
    text = pa.dictionary(pa.int32(), pa.string())
    kinds: dict[str, Any] = {str(header.names.index(name)): text for name in options.text_columns}
    kinds |= {str(header.names.index(name)): pa.float64() for name in options.number_columns}
    rows = 0
    for batch, done in csv_batches(options, header, kinds):
        yield _chunk(batch, options, header.names, rows, done)
        rows += batch.num_rows


def csv_batches(file: CsvFile, header: Header, kinds: Mapping[str, Any]) -> Iterator[tuple[Any, float]]:
    """Yield the rows of a CSV file as Arrow batches that are not empty, each with the share of the file read so far.

    Parameters
    ----------
    kinds
        Column, as its position in the header written out ("0"), → its Arrow type; the others are not made.

    Raises
    ------
    DataError
        The file has no header or no rows, is not text in its encoding, or holds lines with more or fewer fields than
        the header.
    """
    irregular: list[tuple[int, int]] = []
    rows = 0
    with contextlib.closing(WatchedFile(file.path)) as watched, _explaining(header, file, irregular):
        for batch in _batches(watched, header, file, kinds, irregular):
            if irregular:
                break
            if batch.num_rows:
                yield batch, watched.done
            rows += batch.num_rows
    if irregular:
        raise _irregular_lines(header, file, irregular)
    if rows == 0:
        raise DataError(f"{file.path} has column names and no rows. Provide the whole table.")
    if watched.quotes % 2 and not codec_name(file.encoding).startswith(("utf-16", "utf-32")):
        raise DataError(f"{file.path} cannot be read as CSV without doubt: {UNCLOSED}")


@contextlib.contextmanager
def _explaining(header: Header, file: CsvFile, irregular: list[tuple[int, int]]) -> Iterator[None]:
    """Turn what reading raises into an error that names the place."""
    import pyarrow as pa

    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise damaged_gzip(file.path) from None
    except UnicodeError:
        raise wrong_encoding(file, "") from None
    except pa.ArrowInvalid as error:
        if irregular:
            raise _irregular_lines(header, file, irregular) from None
        raise _explained(error, header.names, file) from None


def _batches(
    watched: WatchedFile,
    header: Header,
    file: CsvFile,
    kinds: Mapping[str, Any],
    irregular: list[tuple[int, int]],
) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    def note(row: Any) -> str:
        irregular.append((row.number or 0, row.actual_columns))
        return "skip" if len(irregular) <= LISTED else "error"

    yield from arrow_csv.open_csv(
        pa.PythonFile(watched, mode="r"),
        read_options=arrow_csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES,
            skip_rows=header.blank_lines,
            column_names=[str(at) for at in range(len(header.names))],
            skip_rows_after_names=1,
            encoding=codec_name(file.encoding),
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=header.separator, newlines_in_values=True, invalid_row_handler=note
        ),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=list(kinds),
            column_types=dict(kinds),
            strings_can_be_null=True,
            null_values=["", *file.missing_texts],
        ),
    )


def _chunk(batch: Any, options: AuditOptions, header: Sequence[str], before: int, done: float) -> Chunk:
    texts = {}
    for name in options.text_columns:
        column = batch.column(str(header.index(name)))
        if name not in options.bands:
            require_few_values(name, len(column.dictionary), before + batch.num_rows)
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        texts[name] = text_column(column.dictionary.to_pylist(), codes, options.missing_texts)
    numbers = {
        name: batch.column(str(header.index(name))).to_numpy(zero_copy_only=False).astype(np.float64)
        for name in options.number_columns
    }
    return Chunk(before + 2, batch.num_rows, texts, numbers, done)


def _explained(error: Exception, header: Sequence[str], file: CsvFile) -> DataError:
    """Say what Arrow found, without the value that it quotes."""
    message = str(error)
    record, column = _RECORD.search(message), _COLUMN.search(message)
    where = f", line {record.group(1)}" if record else ""
    if "invalid UTF8" in message or "codec" in message:
        return wrong_encoding(file, where)
    if column:
        names = [*file.text_columns, *file.number_columns]
        name = header[int(column.group(1))] if int(column.group(1)) < len(header) else names[-1]
        return DataError(
            f"{file.path}{where}: the column '{name}' holds something that is not a number. Give a number or an "
            "empty field in every row."
        )
    return DataError(f"{file.path} cannot be read as CSV: {UNCLOSED}")


def _irregular_lines(header: Header, file: CsvFile, irregular: Sequence[tuple[int, int]]) -> DataError:
    listed = ", ".join(f"line {line} has {fields}" for line, fields in irregular[:LISTED])
    more = " and there are more" if len(irregular) > LISTED else ""
    return DataError(
        f"{file.path}: lines with the wrong number of fields; expected {len(header.names)} as in the header, but "
        f"{listed}{more}. Mend these lines (is a separator not quoted?), or give --separator; {header.separator!r} was "
        "used."
    )
