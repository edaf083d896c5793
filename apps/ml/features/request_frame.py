"""From the records of a request to the typed frame that a transformer takes; every misfit is found, none is guessed.

Values are never converted from one type to another: the text "35" is not a number and the number 35 is not a category.
A category that nobody has seen is no misfit; the transformer has a place for it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.errors import Finding, RequestError
from apps.ml.validation_errors import nearest_name

ABSENT = object()
SHOWN_RECORDS = 3
SHOWN_EXTRA_COLUMNS = 10
LONGEST_SHOWN_NAME = 80
LARGEST_EXACT_INTEGER = 2**53

EXPECTED = {"numeric": "a finite number", "boolean": "true, false, 1 or 0", "categorical": "text"}


def frame_from_records(records: Sequence[Mapping[str, object]], columns: Sequence[ColumnSchema]) -> pd.DataFrame:
    """Return the records as a frame whose columns and dtypes are those of `columns`, in their order.

    Parameters
    ----------
    records
        One mapping per row from column name to a number, a bool, a text or None (missing).
    columns
        The input columns of a model.

    Returns
    -------
    data frame [n, columns]
        numeric and boolean columns float64 (NaN where the value is None), categorical ones str (missing where None).

    Raises
    ------
    RequestError
        A record is no mapping; a column is absent, unknown, None though it may not be missing, of the wrong type, not
        finite, beyond the range of float64, or not whole though whole numbers are expected. `findings` lists all.
    """
    _require_mappings(records)
    findings = _unknown_columns(records, [column.name for column in columns])
    content: dict[str, Any] = {}
    for column in columns:
        values = [record.get(column.name, ABSENT) for record in records]
        misfits = _misfits(values, column)
        findings += misfits
        if not misfits:
            content[column.name] = _typed(values, column)
    if findings:
        raise RequestError(_summary(findings), findings)
    return pd.DataFrame(content, index=pd.RangeIndex(len(records)), copy=False)


def _require_mappings(records: Sequence[object]) -> None:
    wrong = [position for position, record in enumerate(records) if not isinstance(record, Mapping)]
    if wrong:
        finding = Finding(
            "record_type", f"{_where(wrong)} no object", None, len(wrong), "an object of columns and values"
        )
        raise RequestError(_summary([finding]), [finding])


def _unknown_columns(records: Sequence[Mapping[str, object]], names: list[str]) -> list[Finding]:
    known = set(names)
    extra = Counter(key for record in records if not record.keys() <= known for key in record.keys() - known)
    shown = sorted(extra, key=str)[:SHOWN_EXTRA_COLUMNS]
    findings = [
        Finding("unknown_column", f"the model has no such column{_did_you_mean(key, names)}", _shown(key), extra[key])
        for key in shown
    ]
    if len(extra) > len(shown):
        findings.append(
            Finding("unknown_column", f"the model lacks {len(extra) - len(shown)} more of the columns given")
        )
    return findings


def _misfits(values: list[object], column: ColumnSchema) -> list[Finding]:
    """Return what is wrong with the values of one column, one finding per kind of misfit."""
    if _is_plainly_fine(values, column):
        return []
    positions: dict[str, list[int]] = {}
    for position, value in enumerate(values):
        code = _misfit(value, column)
        if code is not None:
            positions.setdefault(code, []).append(position)
    return [_finding(code, where, column) for code, where in positions.items()]


def _is_plainly_fine(values: list[object], column: ColumnSchema) -> bool:
    """Tell quickly, for many rows, that a column holds nothing but finite floats or nothing but text."""
    types = set(map(type, values))
    if column.kind == "numeric" and types == {float}:
        numbers = np.array(values, dtype=np.float64)
        return bool(np.isfinite(numbers).all() and (not column.integer or (numbers == np.floor(numbers)).all()))
    if column.kind == "numeric" and types == {int}:
        return all(abs(value) < LARGEST_EXACT_INTEGER for value in values)  # type: ignore[arg-type]
    return column.kind == "categorical" and types == {str} and all(map(str.isascii, values))  # type: ignore[arg-type]


def _misfit(value: object, column: ColumnSchema) -> str | None:
    """Return the code of what is wrong with one value, None if it fits."""
    if value is ABSENT:
        return "missing_column"
    if value is None:
        return None if column.nullable else "null"
    if column.kind == "categorical":
        return _text_misfit(value)
    if column.kind == "boolean":
        return None if _is_truth_value(value) else "wrong_type"
    return _number_misfit(value, column.integer)


def _text_misfit(value: object) -> str | None:
    if not isinstance(value, str):
        return "wrong_type"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "not_unicode"
    return None


def _is_truth_value(value: object) -> bool:
    return isinstance(value, bool | np.bool) or (isinstance(value, int | float | np.number) and value in (0, 1))


def _number_misfit(value: object, integer: bool) -> str | None:
    if isinstance(value, bool | np.bool) or not isinstance(value, int | float | np.integer | np.floating):
        return "wrong_type"
    try:
        number = float(value)
    except OverflowError:
        return "out_of_range"
    if not math.isfinite(number):
        return "not_finite"
    return "not_whole" if integer and not number.is_integer() else None


MESSAGES = {
    "missing_column": "the column is absent",
    "null": "the value is null, and this column may not be missing",
    "wrong_type": "the value has the wrong type",
    "not_unicode": "the text holds half a character (a lone surrogate)",
    "out_of_range": "the number is too large for a 64-bit float",
    "not_finite": "the number is infinite or not a number",
    "not_whole": "the number is not whole",
}


def _finding(code: str, positions: list[int], column: ColumnSchema) -> Finding:
    return Finding(code, f"{MESSAGES[code]} {_where(positions)}", column.name, len(positions), _expected(column))


def _expected(column: ColumnSchema) -> str:
    expected = "a whole number" if column.kind == "numeric" and column.integer else EXPECTED[column.kind]
    return f"{expected} or null" if column.nullable else expected


def _where(positions: list[int]) -> str:
    """Say in which records (counted from 0) something was found, the first few by number."""
    shown = ", ".join(str(position) for position in positions[:SHOWN_RECORDS])
    more = len(positions) - SHOWN_RECORDS
    return f"in record {shown}" + (f" and {more} more" if more > 0 else "")


def _did_you_mean(key: object, names: list[str]) -> str:
    suggestion = nearest_name(str(key)[:LONGEST_SHOWN_NAME], names)
    return suggestion if suggestion.startswith("; did you mean") else ""


def _shown(key: object) -> str:
    name = str(key).encode("utf-8", "replace").decode()
    return name if len(name) <= LONGEST_SHOWN_NAME else name[:LONGEST_SHOWN_NAME] + "…"


def _summary(findings: Iterable[Finding]) -> str:
    listed = "; ".join(str(finding) for finding in findings)
    return f"the request does not fit the model: {listed}. Send each record with exactly the model's columns."


def _typed(values: list[Any], column: ColumnSchema) -> Any:
    if column.kind == "categorical":
        return pd.array(values, dtype="str")
    return np.array([math.nan if value is None else float(value) for value in values], dtype=np.float64)
