"""KServe's first protocol: `GET /v1/models/<model>`, `POST /v1/models/<model>:predict`, and `GET /` for liveness."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from apps.ml.deployment.answering.desk import Answered
from apps.ml.deployment.protocols.counter import Counter, Received, lineage
from apps.ml.deployment.protocols.documents import (
    INFERENCE_REFUSALS,
    KSERVE_BODY,
    UNDESCRIBED,
    Alive,
    ModelReadiness,
    Predictions,
    Responses,
)
from apps.ml.deployment.protocols.peer_json import parse_peer_json
from apps.ml.deployment.protocols.record_forms import Record, misshapen, records_of_rows
from apps.ml.deployment.requests.error_shape import MISDIRECTED, ErrorAnswer
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.request_body import JSON_TYPE, is_json, not_json
from apps.ml.features.request_frame import frame_from_records

ALIVE: Responses = {421: {"model": ErrorAnswer, "description": MISDIRECTED}}
ROUTE = "kserve1"
ROWS = ("instances", "inputs")


def kserve_routes(counter: Counter) -> APIRouter:
    """Return the routes of KServe's first protocol; `GET /v1/models` is the native route's."""
    router = APIRouter(tags=["KServe v1"])

    @router.get("/", responses=ALIVE, operation_id="kserve1_alive")
    async def alive() -> Alive:
        """Tell that the process is alive."""
        return Alive(status="alive")

    @router.post(
        "/v1/models/{model}:predict",
        response_model=Predictions,
        responses=INFERENCE_REFUSALS,
        openapi_extra=KSERVE_BODY,
        operation_id="kserve1_predict",
    )
    async def predict(model: str, request: Request) -> Response:
        """Score rows that are objects, or arrays in the order of the model's columns."""
        received = await counter.receive(request)
        return await counter.work(len(received.body), lambda: _answered(counter, received, model))

    @router.get("/v1/models/{model}", responses=UNDESCRIBED, operation_id="kserve1_model")
    async def model_state(model: str) -> ModelReadiness:
        """Tell whether a model answers: 200 if it does, 404 if it is not served, 503 while it is loaded."""
        return ModelReadiness(name=counter.described(model).name, ready=True)

    return router


def records_of_prediction(document: Any, names: Sequence[str], limits: Limits) -> list[Record]:
    """Return the records of a parsed body.

    Raises
    ------
    RefusalError
        400 another shape than `{"instances": […]}`; 413 too many rows; 422 none.
    """
    if not isinstance(document, Mapping) or len(document) != 1 or next(iter(document)) not in ROWS:
        raise misshapen('The body is not {"instances": […]}. Send one array of rows and no other key.')
    return records_of_rows(next(iter(document.values())), names, limits)


def prediction_answer(answered: Answered) -> bytes:
    """Return the answer: per row its name, score, decision and threshold, as `/v1/predict` gives them."""
    threshold = answered.model.bundle.info.threshold
    scores = answered.scores.tolist()
    decisions = [None] * len(scores) if answered.decisions is None else answered.decisions.tolist()
    predictions = [
        {"id": name, "score": score, "decision": decision, "threshold": threshold}
        for name, score, decision in zip(answered.ids, scores, decisions, strict=True)
    ]
    return msgspec.json.encode({"predictions": predictions})


def _answered(counter: Counter, received: Received, model: str) -> Response:
    if not is_json(received.headers):
        raise not_json()
    chosen = counter.choose(received.caller, ROUTE, model)
    columns = chosen.model.bundle.info.columns
    names = [column.name for column in columns]
    records = records_of_prediction(parse_peer_json(received.body), names, counter.limits)
    answered = counter.answer(chosen, frame_from_records(records, columns))
    return Response(prediction_answer(answered), media_type=JSON_TYPE, headers=lineage(answered))
