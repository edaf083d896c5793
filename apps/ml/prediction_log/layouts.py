"""From the inputs of a call as they came to plain and sensitive values in the order of a version's columns.

Values are copied as they were written, digit for digit; nothing is parsed that need not be. The server checked them
before it answered.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from apps.ml.prediction_log.entries import ColumnEntry, InputsForm

Values = tuple[msgspec.Raw, ...] | list[msgspec.Raw]
NULL = msgspec.Raw(b"null")
_ENCODER = msgspec.json.Encoder()
_ROWS = msgspec.json.Decoder(list[list[msgspec.Raw]])
_COLUMNS = msgspec.json.Decoder(list[ColumnEntry])


class InputsError(ValueError):
    """The inputs of a call do not fit the columns of its version."""


class Layout:
    """The columns of one version, and how its calls are split."""

    def __init__(self, columns: Sequence[ColumnEntry]) -> None:
        self.columns = tuple(columns)
        self.sensitive = [(index, column.name) for index, column in enumerate(columns) if column.sensitive]
        self._plain = _picker([index for index, column in enumerate(columns) if not column.sensitive])
        self._instances = _instances_decoder(columns)

    def split(self, form: InputsForm, inputs: bytes) -> tuple[int, str, list[tuple[str, str]]]:
        """Return the number of rows, the plain values as JSON rows, and per sensitive column its name and JSON values.

        Raises
        ------
        InputsError
            The inputs are no rows of these columns.
        """
        try:
            rows = self._rows(form, inputs)
            plain = rows if not self.sensitive else [self._plain(row) for row in rows]
            apart = [(name, _json([row[index] for row in rows])) for index, name in self.sensitive]
            return len(rows), _json(plain), apart
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputsError("the inputs are no rows") from error

    def _rows(self, form: InputsForm, inputs: bytes) -> list[Values]:
        if form == "instances":
            return [msgspec.structs.astuple(row) for row in self._instances(inputs).instances]
        rows: list[Values] = list(_ROWS.decode(inputs))
        if any(len(row) != len(self.columns) for row in rows):
            raise InputsError("a row has another length than the columns")
        return rows


def columns_of(text: str) -> list[ColumnEntry]:
    """Return the columns that :func:`columns_json` wrote."""
    return _COLUMNS.decode(text)


def columns_json(columns: Sequence[ColumnEntry]) -> str:
    """Return columns as a JSON array of `[name, kind, sensitive]`."""
    return _json(columns)


def _json(content: object) -> str:
    return _ENCODER.encode(content).decode()


def _picker(indices: list[int]) -> Callable[[Values], Sequence[msgspec.Raw]]:
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda row: [row[index] for index in indices]


def _instances_decoder(columns: Sequence[ColumnEntry]) -> Callable[[bytes], Any]:
    """Decode `{"instances": [{column: value, …}, …]}` to rows of raw values in the order of the columns."""
    fields = [(f"column_{index}", msgspec.Raw, NULL) for index in range(len(columns))]
    names = {f"column_{index}": column.name for index, column in enumerate(columns)}
    row = msgspec.defstruct("Row", fields, rename=names)
    return msgspec.json.Decoder(msgspec.defstruct("Instances", [("instances", list[row])])).decode  # type: ignore[valid-type]
