"""Typed decoding of the plain case: one JSON object whose instances fit a version's columns exactly.

The decoder is compiled once per version. What it takes is a part of what `features.request_frame` takes, with the same
values; all else, good or bad, it leaves to the way that can say what is wrong. A test holds both to this.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.scorers.scorer import Value

QUOTES_OF_INSTANCES = 2
QUOTES_OF_NAME = 4
"""Of `model` or `subject`, where a request has it: its key's and its value's."""

TRUTH_VALUES = frozenset((0, 1, None))


class PlainRequest(msgspec.Struct, frozen=True):
    """What a plain request holds: rows of values in the order of the columns, and the names beside them."""

    rows: list[tuple[Value, ...]]
    model: str | None
    subject: str | None


class RowDecoder:
    """Decodes bodies for one version's columns; safe to share between threads."""

    def __init__(self, columns: Sequence[ColumnSchema]) -> None:
        kinds = [(position, column) for position, column in enumerate(columns)]
        self._whole = [position for position, column in kinds if column.kind == "numeric" and column.integer]
        self._truth = [position for position, column in kinds if column.kind == "boolean"]
        self._texts = [position for position, column in kinds if column.kind == "categorical"]
        self._quotes_of_row = 2 * len(columns)
        self._decoder = msgspec.json.Decoder(_envelope(columns))

    def decode(self, body: bytes) -> PlainRequest | None:
        """Return the rows of a body; None where it is not the plain case, right or wrong."""
        if b"\\" in body:
            return None
        try:
            request: Any = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        rows = [msgspec.structs.astuple(instance) for instance in request.instances]
        names = (request.model is not None) + (request.subject is not None)
        if len(rows) == 1:
            fits = self._one_fits(rows[0]) and self._each_key_once_of_one(body, rows[0], names)
            return PlainRequest(rows, request.model, request.subject) if fits else None
        if not rows:
            return None
        columns = list(zip(*rows, strict=True))
        if not self._fit(columns) or not self._each_key_once(body, columns, names):
            return None
        return PlainRequest(rows, request.model, request.subject)

    def _one_fits(self, row: tuple[Any, ...]) -> bool:
        """As :meth:`_fit`, of a single row, for which columns are a detour."""
        for position in self._whole:
            value = row[position]
            if value is not None and not value.is_integer():
                return False
        return all(row[position] in TRUTH_VALUES for position in self._truth)

    def _each_key_once_of_one(self, body: bytes, row: tuple[Any, ...], names: int) -> bool:
        """As :meth:`_each_key_once`, of a single row."""
        expected = QUOTES_OF_INSTANCES + self._quotes_of_row
        for position in self._texts:
            if row[position] is not None:
                expected += 2
        return body.count(b'"') == expected + names * QUOTES_OF_NAME

    def _fit(self, columns: Sequence[Sequence[Any]]) -> bool:
        """Tell whether whole numbers are whole and truth values 0 or 1; all else was decoded by type."""
        for position in self._whole:
            values = columns[position]
            if None in values:
                values = [value for value in values if value is not None]
            if not all(map(float.is_integer, values)):
                return False
        return all(TRUTH_VALUES.issuperset(columns[position]) for position in self._truth)

    def _each_key_once(self, body: bytes, columns: Sequence[Sequence[Any]], names: int) -> bool:
        """Tell whether no object holds a key twice, which the decoder does not see.

        Without escapes every key and every text has exactly two quotation marks, and all keys are known: a key more
        is two marks more.
        """
        rows = len(columns[0])
        texts = sum(rows - columns[position].count(None) for position in self._texts)
        expected = QUOTES_OF_INSTANCES + rows * self._quotes_of_row + 2 * texts
        return body.count(b'"') == expected + names * QUOTES_OF_NAME


def _envelope(columns: Sequence[ColumnSchema]) -> Any:
    fields = [(f"column_{number}", _type(column)) for number, column in enumerate(columns)]
    names = {f"column_{number}": column.name for number, column in enumerate(columns)}
    instance = msgspec.defstruct("Instance", fields, rename=names, forbid_unknown_fields=True, gc=False)
    rows = list[instance]  # type: ignore[valid-type]
    parts: list[Any] = [("instances", rows), ("model", str | None, None), ("subject", str | None, None)]
    return msgspec.defstruct("PlainRequest", parts, forbid_unknown_fields=True)


def _type(column: ColumnSchema) -> Any:
    kinds: dict[str, Any] = {"categorical": str, "boolean": bool | float, "numeric": float}
    kind = kinds[column.kind]
    return kind | None if column.nullable else kind
