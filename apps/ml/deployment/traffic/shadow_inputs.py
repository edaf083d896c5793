"""The inputs of an answered call as a shadow needs them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry

_ENCODER = msgspec.json.Encoder()
_INSTANCES = msgspec.json.Decoder(dict[str, Any])
_ROWS = msgspec.json.Decoder(list[list[Any]])
_RAW_ROWS = msgspec.json.Decoder(list[list[msgspec.Raw]])


def records_of(answer: AnswerEntry, columns: Sequence[ColumnEntry], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a call as records of the columns `names`.

    `columns`: those of the version that answered, in their order.

    Raises
    ------
    ValueError, LookupError, TypeError
        The inputs are no rows of these columns.
    """
    if answer.form == "instances":
        rows: list[dict[str, Any]] = _INSTANCES.decode(answer.inputs)["instances"]
        return [{name: row[name] for name in names} for row in rows]
    places = _places(columns, names)
    return [
        {name: row[place] for name, place in zip(names, places, strict=True)} for row in _ROWS.decode(answer.inputs)
    ]


def inputs_for(answer: AnswerEntry, columns: Sequence[ColumnEntry], names: Sequence[str]) -> bytes:
    """Return the inputs as an entry of a version with the columns `names` holds them: every value digit for digit.

    Objects are read by name and stay as they came; arrays are put into the order of the other version.
    """
    if answer.form == "instances" or [column.name for column in columns] == list(names):
        return answer.inputs
    places = _places(columns, names)
    return _ENCODER.encode([[row[place] for place in places] for row in _RAW_ROWS.decode(answer.inputs)])


def _places(columns: Sequence[ColumnEntry], names: Sequence[str]) -> list[int]:
    order = [column.name for column in columns]
    return [order.index(name) for name in names]
