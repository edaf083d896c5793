"""The answer of the Open Inference Protocol: outputs as JSON or as bytes behind it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from apps.ml.deployment.answering.desk import Answered
from apps.ml.deployment.protocols.infer_request import InferRequest, RequestedOutput
from apps.ml.deployment.protocols.record_forms import misshapen
from apps.ml.models.bundle_info import BundleInfo

LENGTH = struct.Struct("<I")
OUTPUTS = {"score": "FP64", "decision": "INT64", "id": "BYTES"}
"""Outputs with their datatypes; a model of numbers has no decision."""


@dataclass(frozen=True)
class InferAnswer:
    """A body, and how many of its bytes are JSON if others follow."""

    body: bytes
    json_size: int | None


def outputs_of(info: BundleInfo) -> dict[str, str]:
    """Return the outputs of a model with their datatypes."""
    return {name: datatype for name, datatype in OUTPUTS.items() if name != "decision" or info.threshold is not None}


def requested_outputs(request: InferRequest, info: BundleInfo) -> tuple[RequestedOutput, ...]:
    """Return the outputs to send; :class:`RefusalError` 400 for one that the model does not have."""
    there = outputs_of(info)
    if request.outputs is None:
        return tuple(RequestedOutput(name, request.binary) for name in there)
    if any(output.name not in there for output in request.outputs):
        raise misshapen(f"An output is asked for that the model does not have. It has {', '.join(there)}.")
    return request.outputs


def infer_answer(request: InferRequest, outputs: Sequence[RequestedOutput], answered: Answered) -> InferAnswer:
    """Return the answer with the outputs in the order asked; its `id` is the request's, else the first prediction's."""
    model, parts, listed = answered.model, [], []
    for output in outputs:
        entry: dict[str, Any] = {"name": output.name, "datatype": OUTPUTS[output.name], "shape": [len(answered.scores)]}
        if output.binary:
            parts.append(_bytes(output.name, answered))
            entry["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            entry["data"] = _plain(output.name, answered)
        listed.append(entry)
    content: dict[str, Any] = {"model_name": model.name, "id": request.id or answered.ids[0], "outputs": listed}
    if model.version is not None:
        content["model_version"] = model.version
    if model.evidence is not None:
        content["parameters"] = {"evidence": model.evidence}
    head = msgspec.json.encode(content)
    return InferAnswer(b"".join((head, *parts)), len(head) if parts else None)


def _plain(name: str, answered: Answered) -> list[Any]:
    if name == "id":
        return answered.ids
    values = answered.scores if name == "score" else answered.decisions
    return [] if values is None else values.tolist()


def _bytes(name: str, answered: Answered) -> bytes:
    if name == "id":
        names = [prediction.encode() for prediction in answered.ids]
        return b"".join(LENGTH.pack(len(name)) + name for name in names)
    if name == "score":
        return np.ascontiguousarray(answered.scores, dtype="<f8").tobytes()
    return np.ascontiguousarray(answered.decisions, dtype="<i8").tobytes()
