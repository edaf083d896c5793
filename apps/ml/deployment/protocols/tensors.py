"""Tensors of the Open Inference Protocol, from JSON or from the binary extension, checked against what they declare.

References: the Open Inference Protocol's REST specification («Tensor Data», «Tensor Data Types»); Triton's «Binary
Tensor Data Extension».
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.ml.deployment.protocols.record_forms import misshapen
from apps.ml.deployment.tables.given_columns import GivenColumn, Numbers

NUMBERS = {
    "BOOL": "|u1",
    "UINT8": "|u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "|i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Datatypes of numbers with the layout of one element in the binary extension."""

TEXT = "BYTES"
LENGTH_BYTES = 4
"""Each element of BYTES follows its length, an unsigned integer of 32 bits, little-endian."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """One input: `column` holds all elements, row by row, of a tensor of `rows` times `width`."""

    name: str
    rows: int
    width: int
    column: GivenColumn


def require_datatype(datatype: Any) -> str:
    """Return the datatype; :class:`RefusalError` 400 where there is no such."""
    if datatype != TEXT and (not isinstance(datatype, str) or datatype not in NUMBERS):
        raise misshapen(f"An input has an unknown datatype. Use one of {', '.join((*NUMBERS, TEXT))}.")
    return str(datatype)


def column_of_json(datatype: str, data: Any, rows: int, width: int, is_flat: bool) -> GivenColumn:
    """Return the elements of a JSON array, flat or one array per row; null is a missing value.

    Raises
    ------
    RefusalError
        400 another number of elements than rows × width, or an element that the datatype does not have.
    """
    elements = _flat(data, rows, width, is_flat)
    if datatype == TEXT:
        return _text_column([_checked(element, lambda it: isinstance(it, str)) for element in elements])
    fits = _fitting(datatype)
    numbers = [_number(_checked(element, fits)) for element in elements]
    return _number_column(datatype, np.array(numbers, dtype=np.float64))


def column_of_bytes(datatype: str, data: memoryview, elements: int) -> GivenColumn:
    """Return the elements of a tensor that came as bytes.

    Raises
    ------
    RefusalError
        400 where the bytes are not exactly `elements` of the datatype.
    """
    if datatype == TEXT:
        return _text_column(_texts(data, elements))
    layout = np.dtype(NUMBERS[datatype])
    if len(data) != elements * layout.itemsize:
        raise misshapen("The bytes of an input do not fit its shape and datatype. Send as many as both say.")
    values = np.frombuffer(data, dtype=layout)
    if datatype == "BOOL" and (values > 1).any():
        raise misshapen("An element of a BOOL input is neither 0 nor 1. Send one byte of 0 or 1 per element.")
    return _number_column(datatype, values.astype(np.float64))


def _flat(data: Any, rows: int, width: int, is_flat: bool) -> list[Any]:
    if not isinstance(data, list):
        raise misshapen("An input has no array 'data'. Send its elements.")
    if not is_flat and data and isinstance(data[0], list):
        if len(data) != rows or not all(isinstance(row, list) and len(row) == width for row in data):
            raise _not_as_shaped()
        data = [element for row in data for element in row]
    if len(data) != rows * width:
        raise _not_as_shaped()
    return data


def _not_as_shaped() -> Exception:
    return misshapen("The elements of an input do not fit its shape. Send as many as the shape says.")


def _checked(element: Any, fits: Callable[[Any], bool]) -> Any:
    if element is not None and not fits(element):
        raise misshapen("An element of an input is not of its datatype. Send elements of the datatype, or null.")
    return element


def _fitting(datatype: str) -> Callable[[Any], bool]:
    if datatype == "BOOL":
        return lambda element: isinstance(element, bool) or (isinstance(element, int) and element in (0, 1))
    if datatype.startswith("FP"):
        return lambda element: isinstance(element, int | float) and not isinstance(element, bool)
    bounds = np.iinfo(NUMBERS[datatype])
    least, most = int(bounds.min), int(bounds.max)
    return lambda element: isinstance(element, int) and not isinstance(element, bool) and least <= element <= most


def _number(element: Any) -> float:
    if element is None:
        return float("nan")
    try:
        return float(element)
    except OverflowError:
        return float("inf")


def _texts(data: memoryview, elements: int) -> list[str | None]:
    texts: list[str | None] = []
    position = 0
    while position < len(data) and len(texts) < elements:
        start = position + LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "little")
        if start > len(data) or position > len(data):
            raise misshapen("An element of a BYTES input reaches beyond its bytes. Send each behind its length.")
        texts.append(_text(data[start:position]))
    if position != len(data) or len(texts) != elements:
        raise misshapen("The bytes of a BYTES input do not fit its shape. Send as many elements as it says.")
    return texts


def _text(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise misshapen("An element of a BYTES input is not UTF-8. Send text in UTF-8.") from None


def _text_column(texts: list[str | None]) -> GivenColumn:
    return GivenColumn("text", len(texts), texts=texts)


def _number_column(datatype: str, numbers: Numbers) -> GivenColumn:
    return GivenColumn("truth" if datatype == "BOOL" else "number", len(numbers), numbers=numbers)
