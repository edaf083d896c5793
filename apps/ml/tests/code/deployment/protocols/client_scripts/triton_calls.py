"""Asks with Triton's own HTTP client; reads a JSON request from standard input and writes what it got as JSON."""

import json
import sys
from typing import Any

import numpy as np
import tritonclient.http as triton  # type: ignore[import-not-found]
from tritonclient.utils import InferenceServerException, np_to_triton_dtype  # type: ignore[import-not-found]


def tensors(columns: dict[str, list[Any]], binary: bool) -> list[Any]:
    """Return one input per column: numbers as FP64, truth values as BOOL, text as BYTES."""
    return [tensor(name, array_of(values), binary) for name, values in columns.items()]


def tensor(name: str, values: Any, binary: bool) -> Any:
    """Return one input."""
    made = triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def array_of(values: list[Any]) -> Any:
    """Return values as a user would: NaN for a missing number, an empty text for a missing category."""
    if any(isinstance(value, str) for value in values):
        return np.array([value or "" for value in values], dtype=np.object_)
    if all(isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.bool_)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def plain(result: Any, names: list[str]) -> dict[str, Any]:
    """Return the outputs of an answer; text as text."""
    arrays = {name: result.as_numpy(name) for name in names}
    return {
        name: None
        if values is None
        else [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]
        for name, values in arrays.items()
    }


def main() -> None:
    """Ask all there is to ask."""
    asked = json.load(sys.stdin)
    client = triton.InferenceServerClient(asked["address"].removeprefix("http://"))
    model, columns, outputs = asked["model"], asked["columns"], ["score", "decision", "id"]
    got = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model ready": client.is_model_ready(model),
        "other model ready": client.is_model_ready("nobody"),
        "server": client.get_server_metadata(),
        "model": client.get_model_metadata(model),
        "defaults": plain(client.infer(model, tensors(columns, True)), outputs),
    }
    as_json = [triton.InferRequestedOutput(name, binary_data=False) for name in ("decision", "score")]
    answer = client.infer(model, tensors(columns, False), outputs=as_json, request_id="mine")
    got["without binary"] = plain(answer, outputs) | {"id of request": answer.get_response()["id"]}
    mixed = [triton.InferRequestedOutput("id"), triton.InferRequestedOutput("score", binary_data=False)]
    got["mixed"] = plain(client.infer(model, tensors(columns, True), outputs=mixed), ["id", "score"])
    matrix = np.array(asked["matrix"], dtype=np.float64)
    of_numbers, version = asked["model of numbers"]
    got["matrix"] = plain(client.infer(of_numbers, [tensor("rows", matrix, True)], version), outputs)
    try:
        client.infer(model, tensors({"shoe-size": [46]}, True))
    except InferenceServerException as error:
        got["error"] = [error.status(), error.message()]
    json.dump(got, sys.stdout)


main()
