"""A request of the Open Inference Protocol, parsed and checked as far as no model is needed for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from apps.ml.deployment.protocols.peer_json import parse_peer_json
from apps.ml.deployment.protocols.record_forms import misshapen
from apps.ml.deployment.protocols.tensors import Tensor, column_of_bytes, column_of_json, require_datatype
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.tables.refused_tables import require_rows

JSON_SIZE_HEADER = "inference-header-content-length"
LONGEST_ID = 256
CONTENT_TYPES = (None, "pd", "np", "str")
"""How a client may say that its inputs were made: columns of a data frame, arrays, text. Others (`base64`,
`datetime`) would be read as something else than was meant."""


@dataclass(frozen=True)
class RequestedOutput:
    """An output that is asked for, as bytes or as JSON."""

    name: str
    binary: bool


@dataclass(frozen=True, eq=False)
class InferRequest:
    """`outputs` None: all of them, as bytes if `binary`."""

    id: str | None
    tensors: tuple[Tensor, ...]
    outputs: tuple[RequestedOutput, ...] | None
    binary: bool


def parse_infer_request(body: bytes, json_size: str | None, limits: Limits) -> InferRequest:
    """Return the request.

    Parameters
    ----------
    json_size
        The header Inference-Header-Content-Length: bytes of JSON, behind which the inputs follow as bytes; None: the
        whole body is JSON.

    Raises
    ------
    RefusalError
        400 no JSON, or another shape than the protocol's, or inputs that contradict what they declare; 413 too many
        rows; 422 none.
    """
    size = _json_size(json_size, len(body))
    document = _object(parse_peer_json(body[:size]), "The body")
    parameters = _parameters(document)
    _require_known_content(parameters)
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise misshapen("The request has no inputs. Send one input per column.")
    tail = _Tail(memoryview(body)[size:])
    tensors = tuple(_tensor(entry, tail, limits) for entry in inputs)
    tail.require_read()
    binary = _flag(parameters, "binary_data_output", False)
    return InferRequest(_id(document), tensors, _outputs(document, binary), binary)


class _Tail:
    """The bytes behind the JSON, taken from the front."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def take(self, size: Any) -> memoryview:
        """Return the next `size` bytes."""
        if not _is_count(size) or size > len(self._data):
            raise misshapen("The binary_data_size of an input is no number of bytes that follow. Send its exact size.")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def require_read(self) -> None:
        """Refuse bytes that belong to no input."""
        if self._data:
            raise misshapen("Bytes follow that belong to no input. Give each input its binary_data_size.")


def _json_size(written: str | None, total: int) -> int:
    if written is None:
        return total
    digits = written.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(total)) and int(digits) <= total):
        raise misshapen("Inference-Header-Content-Length is no size within the body. Send the bytes of the JSON.")
    return int(digits)


def _tensor(entry: Any, tail: _Tail, limits: Limits) -> Tensor:
    entry = _object(entry, "An input")
    parameters = _parameters(entry)
    _require_known_content(parameters)
    name = entry.get("name")
    if not isinstance(name, str):
        raise misshapen("An input has no name. Name it as its column.")
    datatype = require_datatype(entry.get("datatype"))
    rows, width, is_flat = _shape(entry.get("shape"), limits)
    if "binary_data_size" in parameters:
        if "data" in entry:
            raise misshapen("An input has both data and binary_data_size. Send one of them.")
        column = column_of_bytes(datatype, tail.take(parameters["binary_data_size"]), rows * width)
    else:
        column = column_of_json(datatype, entry.get("data"), rows, width, is_flat)
    return Tensor(name, rows, width, column)


def _shape(shape: Any, limits: Limits) -> tuple[int, int, bool]:
    """Return rows, elements per row, and whether the shape has one dimension."""
    if not isinstance(shape, list) or not 1 <= len(shape) <= 2 or not all(_is_count(size) for size in shape):
        raise misshapen("The shape of an input is not [rows] or [rows, columns]. Send counts.")
    require_rows(shape[0], limits)
    width = shape[1] if len(shape) == 2 else 1
    if width > limits.body_bytes:
        raise misshapen("The shape of an input does not fit its elements. Send as many as the shape says.")
    return shape[0], width, len(shape) == 1


def _outputs(document: Mapping[str, Any], binary: bool) -> tuple[RequestedOutput, ...] | None:
    outputs = document.get("outputs")
    if outputs is None or outputs == []:
        return None
    if not isinstance(outputs, list):
        raise misshapen("'outputs' is no array. Name each output in an object.")
    requested = tuple(_output(entry, binary) for entry in outputs)
    if len({output.name for output in requested}) != len(requested):
        raise misshapen("An output is asked for twice. Ask for each once.")
    return requested


def _output(entry: Any, binary: bool) -> RequestedOutput:
    entry = _object(entry, "An output")
    parameters = _parameters(entry)
    if parameters.get("classification"):
        raise misshapen("Classification of outputs is not offered. Leave 'classification' out.")
    name = entry.get("name")
    if not isinstance(name, str):
        raise misshapen("An output has no name. Name it as in the model's metadata.")
    return RequestedOutput(name, _flag(parameters, "binary_data", binary))


def _parameters(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = entry.get("parameters")
    content = _object({} if parameters is None else parameters, "'parameters'")
    if "shared_memory_region" in content:
        raise misshapen("Shared memory is not offered. Send the data in the body.")
    return content


def _require_known_content(parameters: Mapping[str, Any]) -> None:
    content_type = parameters.get("content_type")
    if content_type is not None and content_type not in CONTENT_TYPES:
        raise misshapen("A content_type is not one of pd, np and str. Send columns of numbers, truth values or text.")


def _flag(parameters: Mapping[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise misshapen(f"'{name}' is neither true nor false. Send one of them.")
    return value


def _id(document: Mapping[str, Any]) -> str | None:
    value = document.get("id")
    if value is not None and (not isinstance(value, str) or len(value) > LONGEST_ID):
        raise RefusalError(
            HTTPStatus.BAD_REQUEST, "misshapen", f"'id' is no text of at most {LONGEST_ID} characters. Shorten it."
        )
    return value or None


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise misshapen(f"{what} is not a JSON object. Send one as the Open Inference Protocol describes it.")
    return value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
