"""Asks with KServe's own clients; reads a JSON request from standard input and writes what it got as JSON."""

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig  # type: ignore[import-not-found]


def array_of(values: list[Any]) -> tuple[Any, str]:
    """Return values and their datatype as a user would: NaN for a missing number, an empty text for a missing one."""
    if any(isinstance(value, str) for value in values):
        return np.array([value or "" for value in values], dtype=np.object_), "BYTES"
    if all(isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.bool_), "BOOL"
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64), "FP64"


def inputs(columns: dict[str, list[Any]], binary: bool | None) -> list[Any]:
    """Return one input per column; `binary` None: plain lists, with None for what is missing."""
    made = []
    for name, values in columns.items():
        array, datatype = array_of(values)
        one = InferInput(name=name, shape=[len(values)], datatype=datatype, data=values if binary is None else None)
        if binary is not None:
            one.set_data_from_numpy(array, binary_data=binary)
        made.append(one)
    return made


def plain(response: Any) -> dict[str, Any]:
    """Return the outputs of an answer."""
    return {output.name: output.as_numpy().tolist() for output in response.outputs}


async def second(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask in the second protocol, with binary data, with JSON, and with a plain document."""
    address, model, columns = asked["address"], asked["model"], asked["columns"]
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        got: dict[str, Any] = {
            "live": await client.is_server_live(address),
            "ready": await client.is_server_ready(address),
            "model ready": await client.is_model_ready(address, model),
            "other model ready": await client.is_model_ready(address, "nobody"),
        }
        for word, binary in (("binary", True), ("json", False), ("lists", None)):
            request = InferRequest(model_name=model, infer_inputs=inputs(columns, binary))
            got[word] = plain(await client.infer(address, request, model_name=model))
        request = InferRequest(
            model_name=model, infer_inputs=inputs(columns, True), parameters={"binary_data_output": True}
        )
        got["binary both ways"] = plain(await client.infer(address, request, model_name=model))
        try:
            wrong = InferRequest(model_name=model, infer_inputs=inputs({"shoe-size": [46]}, True))
            await client.infer(address, wrong, model_name=model)
        except httpx.HTTPStatusError as error:
            got["error"] = [error.response.status_code, str(error)]
    return got


async def first(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask in the first protocol, which is the client's default."""
    address, model = asked["address"], asked["model"]
    async with InferenceRESTClient() as client:
        got: dict[str, Any] = {
            "live": await client.is_server_live(address),
            "model ready": await client.is_model_ready(address, model),
            "answer": await client.infer(address, {"instances": asked["records"]}, model_name=model),
            "arrays": await client.infer(address, {"instances": asked["arrays"]}, model_name=model),
        }
        try:
            await client.infer(address, {"instances": [{"shoe-size": 46}]}, model_name=model)
        except httpx.HTTPStatusError as error:
            got["error"] = [error.response.status_code, str(error)]
    return got


def main() -> None:
    """Ask all there is to ask."""
    asked = json.load(sys.stdin)
    json.dump({"v1": asyncio.run(first(asked)), "v2": asyncio.run(second(asked))}, sys.stdout)


main()
