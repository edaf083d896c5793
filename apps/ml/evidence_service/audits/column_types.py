"""What a column holds: whole numbers, numbers, truth values or texts; found out part by part, over all rows."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

ColumnType = Literal["integer", "number", "boolean", "string"]

TRUTH = ("true", "false")
LONGEST_SHOWN = 200
"""Characters of a text that a preview shows."""

_INTEGER = r"^[+-]?(0|[1-9][0-9]{0,17})$"
_NUMBER = r"^[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
# A number that is written with zeros before it, as a postal code, is a text: as a number it would lose them.


class WrittenColumn:
    """One column of a CSV file while it is read. `missing`: texts that stand for nothing, besides the empty one."""

    def __init__(self, name: str, missing: Sequence[str]) -> None:
        self.name = name
        self._missing = ("", *missing)
        self._type: ColumnType | None = None

    @property
    def type(self) -> ColumnType:
        """What all values so far have in common; a column without values is one of texts."""
        return self._type or "string"

    def look(self, texts: Any) -> None:
        """Look at some rows, an Arrow array of texts."""
        if self._type == "string":
            return
        values = pc.drop_null(pc.utf8_trim_whitespace(texts))
        values = values.filter(pc.invert(pc.is_in(values, value_set=pa.array(self._missing))))
        if len(values):
            self._type = self._with(values)

    def shown(self, text: str | None) -> Any:
        """Return one value as JSON of the column's type, None where it is missing."""
        plain = "" if text is None else text.strip()
        if text is None or plain in self._missing:
            return None
        if self.type == "integer":
            return int(plain)
        if self.type == "number":
            return float(plain)
        return plain.lower() == "true" if self.type == "boolean" else shortened(text)

    def _with(self, values: Any) -> ColumnType:
        """Return the type of what was seen before and of these values together."""
        if self._type in (None, "boolean") and _all(pc.is_in(pc.utf8_lower(values), value_set=pa.array(TRUTH))):
            return "boolean"
        if self._type == "boolean":
            return "string"
        if self._type in (None, "integer") and _all(pc.match_substring_regex(values, _INTEGER)):
            return "integer"
        if _all(pc.match_substring_regex(values, _NUMBER)) and _all(pc.is_finite(values.cast(pa.float64()))):
            return "number"
        return "string"


def type_of_arrow(kind: Any) -> ColumnType | None:
    """Return what a column of an Arrow type holds; None for lists, bytes and whatever else is not one value."""
    if pa.types.is_dictionary(kind):
        return type_of_arrow(kind.value_type)
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_temporal)
    return "string" if any(is_kind(kind) for is_kind in (*texts, pa.types.is_null)) else None


def shown_of_arrow(value: Any, kind: ColumnType) -> Any:
    """Return a value from Arrow as JSON; None where it is missing or not a number."""
    if value is None or value != value:
        return None
    if kind == "number":
        number = float(value)
        return number if math.isfinite(number) else str(number)
    return value if kind in ("integer", "boolean") else shortened(str(value))


def shortened(text: str) -> str:
    """Return a text that a preview can show."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _all(truths: Any) -> bool:
    return bool(pc.all(truths).as_py())
