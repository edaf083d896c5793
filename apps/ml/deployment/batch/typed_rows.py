"""From columns of a file to the typed frame that a scorer takes, by the rules of `features.request_frame`, many rows at
once; each value that does not fit is found and none is guessed.

A Parquet file says of each column what it holds, and nothing is converted from one type to another. A CSV file holds
texts: a number is its decimal text, a truth value one of `true`, `false`, `1` and `0`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.batch.pieces import Schema, Table
from apps.ml.deployment.batch.text_values import numbers_of_texts, truths_of_texts
from apps.ml.deployment.tables.arrow_values import kind_of, numbers_of
from apps.ml.deployment.tables.given_columns import FITTING
from apps.ml.errors import DataError, Finding
from apps.ml.features.request_frame import EXPECTED

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

EXPECTED_TYPE = {"numeric": "numbers", "boolean": "truth values, or numbers 0 and 1", "categorical": "text"}


@dataclass(frozen=True)
class Misfit:
    """One kind of misfit in one column; `at`: int64 [≥ 1], positions in the table."""

    column: str
    code: str
    at: npt.NDArray[np.int64]


@dataclass(frozen=True)
class TypedRows:
    """`frame`: the rows that fit, typed as by `frame_from_records`; `fits`: bool [n]; `misfits`: why others do not."""

    frame: pd.DataFrame
    fits: Mask
    misfits: tuple[Misfit, ...]


def typed_rows(table: Table, columns: Sequence[ColumnSchema], as_text: bool) -> TypedRows:
    """Return the rows of `table` that fit `columns`, and what is wrong with the others.

    Parameters
    ----------
    table
        A table whose types :func:`require_types` accepted; `as_text`: every column of it is text.
    """
    values: dict[str, pd.Series | Numbers] = {}
    misfits: list[Misfit] = []
    fits = np.ones(table.num_rows, dtype=bool)
    for column in columns:
        values[column.name], wrong = _typed(table.column(column.name), column, as_text)
        for code, mask in wrong.items():
            if mask.any():
                misfits.append(Misfit(column.name, code, np.flatnonzero(mask)))
                fits &= ~mask
    frame = pd.DataFrame(values, index=pd.RangeIndex(table.num_rows), copy=False)
    if misfits:
        frame = frame[fits].reset_index(drop=True)
    return TypedRows(frame, fits, tuple(misfits))


def require_types(schema: Schema, columns: Sequence[ColumnSchema], origin: str) -> None:
    """Refuse a file whose columns hold something else than the model takes.

    Raises
    ------
    DataError
        Lists every such column.
    """
    findings = [
        Finding(
            "wrong_type", f"holds {schema.field(column.name).type}", column.name, expected=EXPECTED_TYPE[column.kind]
        )
        for column in columns
        if not _is_of_kind(schema.field(column.name).type, column)
    ]
    if findings:
        raise DataError(f"{origin} does not fit the model. Write these columns with the right type:", findings)


def expected_of(column: ColumnSchema) -> str:
    """Say what a value of this column must be, for people."""
    expected = "a whole number" if column.kind == "numeric" and column.integer else EXPECTED[column.kind]
    return f"{expected} or nothing" if column.nullable else expected


def _is_of_kind(kind: Any, column: ColumnSchema) -> bool:
    """Whether values are as in a request's table; decimals are numbers too, as databases write them to files."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_decimal = pa.types.is_decimal(kind) and column.kind != "categorical"
    return is_decimal or kind_of(kind) in FITTING[column.kind]


def _typed(values: Table, column: ColumnSchema, as_text: bool) -> tuple[pd.Series | Numbers, dict[str, Mask]]:
    if column.kind == "categorical":
        texts = values.cast(pa.string())
        missing = np.asarray(texts.is_null())
        return texts.to_pandas(), {} if column.nullable else {"null": missing}
    numbers, unread = _read_numbers(values, column, as_text)
    missing = np.isnan(numbers) & ~unread
    wrong = {"wrong_type": unread, "not_finite": np.isinf(numbers)}
    if not column.nullable:
        wrong["null"] = missing
    if column.kind == "boolean":
        wrong["wrong_type"] = unread | ~(missing | (numbers == 0) | (numbers == 1))
        wrong["not_finite"] = np.zeros(len(numbers), dtype=bool)
    elif column.integer:
        wrong["not_whole"] = np.isfinite(numbers) & (numbers != np.floor(numbers))
    return numbers, wrong


def _read_numbers(values: Table, column: ColumnSchema, as_text: bool) -> tuple[Numbers, Mask]:
    """Return float64 [n], NaN where missing or unread, and which are unread."""
    if as_text:
        read: Callable[[Table], tuple[Numbers, Mask]] = (
            truths_of_texts if column.kind == "boolean" else numbers_of_texts
        )
        return read(values)
    numbers = numbers_of(values)
    return numbers, np.zeros(len(numbers), dtype=bool)


def where(mask: Mask, values: Table) -> Table:
    """Return the rows of a table or column where `mask` holds."""
    return values if mask.all() else pc.filter(values, pa.array(mask))
