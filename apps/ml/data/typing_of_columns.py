"""From text to types: each value is read as its declaration promises, and each that cannot be read is marked."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.declaration import Column, Declaration
from apps.ml.data.label import AnyLabel, Label, NumericLabel
from apps.ml.errors import Finding
from apps.ml.validation_errors import nearest_name

LARGEST_EXACT_INTEGER = 2.0**53 - 1
"""Whole numbers beyond this cannot be told apart in float64 (IEEE 754)."""

EXPECTED = {
    "integer": "whole numbers without separators",
    "number": "finite decimal numbers with a point",
    "boolean": "one of the declared true or false values",
    "date": "ISO 8601 dates, as in 2024-05-31",
}
"""Type → what its values have to look like; the other types are text and always readable."""


@dataclass(frozen=True)
class TypedColumns:
    """The declared columns of a table in their types.

    `frame`: data frame [n, columns]: integer and number → float64, boolean → float64 of 0 and 1, category and
    identifier → str, date → datetime64 (a time zone is turned into UTC); missing and unreadable → NaN or NaT.
    `readable`: bool [n, columns that are not text], False where a value is present and cannot be read.
    """

    frame: pd.DataFrame
    readable: pd.DataFrame


def typed(text: pd.DataFrame, declaration: Declaration) -> TypedColumns:
    """Return the declared columns that `text` holds in their declared types, in the order of the declaration.

    Parameters
    ----------
    text: data frame [n, columns] of dtype str, missing → NaN. It stays as it is.
    """
    present = {name: column for name, column in declaration.columns.items() if name in text.columns}
    parts = {name: _typed_column(text[name], column) for name, column in present.items()}
    marks = {name: parts[name][1] for name, column in present.items() if column.type in EXPECTED}
    frame = pd.DataFrame({name: values for name, (values, _) in parts.items()}, index=text.index)
    return TypedColumns(frame, pd.DataFrame(marks, index=text.index))


def label_values(text: pd.Series, label: AnyLabel) -> npt.NDArray[np.float64]:
    """Return float64 [n]: 1 for the positive event, 0 for its absence, NaN where the value is missing or neither.

    A numeric label is the number itself, NaN where the text is none.
    """
    if isinstance(label, NumericLabel):
        return numbers(text).to_numpy(dtype=np.float64)
    if not isinstance(label, Label):
        raise TypeError(f"{type(label).__name__} is no form of a label")
    values = np.full(len(text), np.nan)
    values[text.isin(label.positive).to_numpy()] = 1.0
    values[text.isin(label.negative).to_numpy()] = 0.0
    return values


def numbers(text: pd.Series) -> pd.Series:
    """Return float64 [n]; NaN where the text is missing or is no finite number."""
    values = pd.to_numeric(text, errors="coerce").astype("float64")
    return values.where(np.isfinite(values))


def column_findings(present: Iterable[str], declaration: Declaration) -> tuple[Finding, ...]:
    """Return a finding per column that is declared and absent, present and undeclared, or present twice."""
    names = list(present)
    needed = _needed_columns(declaration)
    extra = [name for name in dict.fromkeys(names) if name not in needed]
    absent = [name for name in needed if name not in names]
    twice = [name for name, count in Counter(names).items() if count > 1]
    return (
        *(_absent(name, extra) for name in absent),
        *(_undeclared(name) for name in extra),
        *(_duplicated(name) for name in twice),
    )


def _needed_columns(declaration: Declaration) -> list[str]:
    filtered = [rule.column for rule in declaration.filters]
    dividing = [split.column for split in declaration.splits.values() if split.column]
    return list(dict.fromkeys([*declaration.columns, declaration.label.column, *filtered, *dividing]))


def _absent(name: str, extra: list[str]) -> Finding:
    hint = nearest_name(name, extra) if extra else ""
    hint = hint if "did you mean" in hint else ""
    return Finding("missing_column", f"is declared and absent{hint}", name, expected="every declared column")


def _undeclared(name: str) -> Finding:
    message = "is present and not declared; declare it under `columns` and, if no model may use it, under `leave_out`"
    return Finding("undeclared_column", message, name)


def _duplicated(name: str) -> Finding:
    return Finding("duplicated_column", "appears more than once", name, expected="one column of each name")


def _typed_column(text: pd.Series, column: Column) -> tuple[pd.Series, pd.Series]:
    read = _READERS.get(column.type)
    values = read(text, column) if read else text
    return values, text.isna() | values.notna()


def _integer(text: pd.Series, _: Column) -> pd.Series:
    values = numbers(text)
    return values.where((values == np.floor(values)) & (values.abs() <= LARGEST_EXACT_INTEGER))


def _number(text: pd.Series, _: Column) -> pd.Series:
    return numbers(text)


def _boolean(text: pd.Series, column: Column) -> pd.Series:
    values = pd.Series(np.nan, index=text.index)
    return values.mask(text.isin(column.true_values), 1.0).mask(text.isin(column.false_values), 0.0)


def _date(text: pd.Series, _: Column) -> pd.Series:
    moments = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    return moments.dt.tz_localize(None).dt.as_unit("us")


_READERS: dict[str, Callable[[pd.Series, Column], pd.Series]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
