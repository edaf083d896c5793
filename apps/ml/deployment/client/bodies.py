"""From Python values to the bytes of a request; what JSON cannot say is refused here, by name of column and row."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
SENDABLE = "text, numbers, true, false or None"


def body_of(rows: Iterable[Row], key: str, **beside: Any) -> tuple[bytes, int]:
    """Return the JSON object that holds `rows` under `key`, and their number; keys in `beside` that are None are left
    out.

    Raises
    ------
    ValueError
        There is no row; a number is NaN or infinite; a text holds half a character.
    TypeError
        A row is no mapping from text, or holds what JSON has no word for.
    """
    listed = [_row(row, number) for number, row in enumerate(rows)]
    if not listed:
        raise ValueError("there is no row to ask about. Give at least one.")
    content = {key: listed, **{name: value for name, value in beside.items() if value is not None}}
    try:
        return _bytes(content), len(listed)
    except (ValueError, TypeError, RecursionError):
        pass
    for number, row in enumerate(listed):
        for column, value in row.items():
            _require_sendable(value, column, number)
    raise ValueError(f"{', '.join(beside)}: a value cannot be written as JSON. Give plain text.")


def _row(row: Any, number: int) -> dict[str, Any]:
    if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
        raise TypeError(f"row {number} is no mapping from names of columns to values. Give one mapping per row.")
    return dict(row)


def _bytes(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _require_sendable(value: Any, column: str, number: int) -> None:
    """Raise for a value that cannot be sent; the message names its place and type, and not the value."""
    where = f"column {column!r} of row {number}"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is NaN or infinite, which JSON cannot say. Send None where a value is missing.")
    try:
        _bytes([column, value])
    except TypeError:
        raise TypeError(f"{where} is of the type {type(value).__name__}. Send {SENDABLE}.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{where} cannot be written as JSON in UTF-8. Send {SENDABLE}.") from None
