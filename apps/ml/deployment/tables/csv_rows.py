"""CSV: text whose values are read as the signature says.

The first line names the columns. An empty cell is a missing value; a number is written in digits, with a point and an
exponent where needed; a boolean is true or false in any case, 1 or 0. `batch.text_values` reads the millions of cells
of a file by the same rules, whole columns at once; here the values of single cells are needed to say what is wrong.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.tables.refused_tables import require_rows, unreadable
from apps.ml.deployment.tables.written_values import DECIMAL, TRUTHS
from apps.ml.features.request_frame import frame_from_records

NUMBER = re.compile(DECIMAL)
Cell = float | bool | str | None


def frame_of_csv(body: bytes, columns: Sequence[ColumnSchema], limits: Limits) -> pd.DataFrame:
    """Return the typed frame of a CSV text with a header.

    Raises
    ------
    RefusalError
        400 not UTF-8, a header that names a column twice, a line with another number of cells, 413 too many rows, 422
        no rows.
    RequestError
        Columns or values do not fit the signature.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header, cells = _header(lines, {column.name for column in columns}), _cells(lines, limits)
    except UnicodeDecodeError:
        raise unreadable("it is not UTF-8") from None
    except csv.Error:
        raise unreadable(f"line {lines.line_num} breaks the rules of CSV", "Mend its quotes.") from None
    records = _records(header, cells, {column.name: column for column in columns})
    return frame_from_records(records, columns)


def _header(lines: Iterator[list[str]], names: set[str]) -> list[str]:
    """Return the names of the columns; a first line without any known name is a person's row and is not repeated."""
    header = next((line for line in lines if line), [])
    if header and names.isdisjoint(header):
        raise unreadable("its first line names no column of the model", "Begin with a header.")
    if len(set(header)) != len(header):
        raise unreadable("its header names a column twice", "Name each column once.")
    return header


def _cells(lines: Iterator[list[str]], limits: Limits) -> list[list[str]]:
    """Return the lines after the header without the empty ones, and no more of them than are taken."""
    rows: list[list[str]] = []
    for line in lines:
        if line:
            rows.append(line)
        if len(rows) > limits.instances:
            break
    require_rows(len(rows), limits)
    return rows


def _records(
    header: Sequence[str], rows: Sequence[Sequence[str]], columns: Mapping[str, ColumnSchema]
) -> list[dict[str, Cell]]:
    kinds = [columns[name].kind if name in columns else "categorical" for name in header]
    records = []
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise unreadable(f"record {number} has another number of cells than the header", "Mend the record.")
        cells = zip(header, row, kinds, strict=True)
        records.append({name: _value(cell, kind) for name, cell, kind in cells})
    return records


def _value(cell: str, kind: str) -> Cell:
    """Return what a cell says; text that is no number stays text and is found not to fit."""
    if not cell:
        return None
    if kind == "categorical":
        return cell
    if kind == "boolean" and cell.lower() in TRUTHS:
        return TRUTHS[cell.lower()]
    return float(cell) if NUMBER.fullmatch(cell) else cell
