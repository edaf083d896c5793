"""The Open Inference Protocol, version 2, with Triton's binary extension."""

from http import HTTPStatus
from importlib.metadata import version as version_of
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.protocols.counter import Counter, Received, lineage
from apps.ml.deployment.protocols.documents import (
    INFER_ANSWER,
    INFER_BODY,
    INFERENCE_OPEN,
    INFERENCE_REFUSALS,
    INFERENCE_TURNED_AWAY,
    INFERENCE_UNREADY,
    UNDESCRIBED,
    InferenceAnswer,
    Live,
    ModelMetadata,
    ModelReadiness,
    ServerMetadata,
    TensorMetadata,
)
from apps.ml.deployment.protocols.infer_answer import infer_answer, outputs_of, requested_outputs
from apps.ml.deployment.protocols.infer_frame import frame_of_tensors
from apps.ml.deployment.protocols.infer_request import JSON_SIZE_HEADER, parse_infer_request
from apps.ml.deployment.protocols.input_datatypes import datatype_of
from apps.ml.deployment.requests.request_body import JSON_TYPE, is_json, not_json
from apps.ml.deployment.versions.served_model import ServedModel

ROUTE = "oip2"
NAME = "fairmind"
DISTRIBUTION = "fairmind-ml"
EXTENSIONS = ["binary_tensor_data"]
BINARY = "application/octet-stream"
MODEL = "/v2/models/{model}"
VERSION = MODEL + "/versions/{version}"


def inference_routes(counter: Counter) -> APIRouter:
    """Return the routes of the Open Inference Protocol."""
    router = APIRouter(tags=["Open Inference Protocol v2"])
    _add_server(router, counter)
    _add_metadata(router, counter)
    _add_readiness(router, counter)
    _add_infer(router, counter)
    return router


def _add_server(router: APIRouter, counter: Counter) -> None:
    @router.get("/v2", responses=INFERENCE_TURNED_AWAY, operation_id="oip2_server")
    async def server() -> ServerMetadata:
        """Name the server, its version and the extensions that it speaks."""
        return ServerMetadata(name=NAME, version=version_of(DISTRIBUTION), extensions=EXTENSIONS)

    @router.get("/v2/health/live", responses=INFERENCE_OPEN, operation_id="oip2_live")
    async def live() -> Live:
        """Tell that the process is alive, and whether it answers."""
        return Live(live=True, ready=counter.why_not_ready() is None)

    @router.get("/v2/health/ready", response_model=Live, responses=INFERENCE_UNREADY, operation_id="oip2_ready")
    async def ready() -> Response:
        """Tell whether predictions are answered, and if not, why."""
        reason = counter.why_not_ready()
        if reason is None:
            return JSONResponse({"live": True, "ready": True})
        content = {"live": True, "ready": False, "error": reason}
        return JSONResponse(content, status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "1"})


def _add_metadata(router: APIRouter, counter: Counter) -> None:
    @router.get(MODEL, responses=UNDESCRIBED, operation_id="oip2_model")
    async def model_metadata(model: str) -> ModelMetadata:
        """Tell the inputs and outputs of a model."""
        return _metadata(counter, counter.described(model))

    @router.get(VERSION, responses=UNDESCRIBED, operation_id="oip2_version")
    async def version_metadata(model: str, version: str) -> ModelMetadata:
        """Tell the inputs and outputs of a version."""
        return _metadata(counter, counter.described(model, version))


def _add_readiness(router: APIRouter, counter: Counter) -> None:
    @router.get(MODEL + "/ready", responses=UNDESCRIBED, operation_id="oip2_model_ready")
    async def model_ready(model: str) -> ModelReadiness:
        """Tell whether a model answers."""
        return ModelReadiness(name=counter.described(model).name, ready=True)

    @router.get(VERSION + "/ready", responses=UNDESCRIBED, operation_id="oip2_version_ready")
    async def version_ready(model: str, version: str) -> ModelReadiness:
        """Tell whether a version answers."""
        return ModelReadiness(name=counter.described(model, version).name, ready=True)


def _add_infer(router: APIRouter, counter: Counter) -> None:
    documented: dict[str, Any] = {
        "response_model": InferenceAnswer,
        "responses": {**INFER_ANSWER, **INFERENCE_REFUSALS},
        "openapi_extra": INFER_BODY,
    }

    async def infer(model: str, request: Request) -> Response:
        """Score the rows of tensors, one input per column; outputs are score, decision and id."""
        received = await counter.receive(request)
        return await counter.work(len(received.body), lambda: _answered(counter, received, model, None))

    async def infer_version(model: str, version: str, request: Request) -> Response:
        """Score the rows of tensors with one version."""
        received = await counter.receive(request)
        return await counter.work(len(received.body), lambda: _answered(counter, received, model, version))

    router.add_api_route(MODEL + "/infer", infer, methods=["POST"], operation_id="oip2_infer", **documented)
    router.add_api_route(
        VERSION + "/infer", infer_version, methods=["POST"], operation_id="oip2_infer_version", **documented
    )


def _answered(counter: Counter, received: Received, model: str, version: str | None) -> Response:
    json_size = received.header(JSON_SIZE_HEADER)
    _require_known_type(received, json_size)
    chosen = counter.choose(received.caller, ROUTE, model, version)
    request = parse_infer_request(received.body, json_size, counter.limits)
    info = chosen.model.bundle.info
    outputs = requested_outputs(request, info)
    answered = counter.answer(chosen, frame_of_tensors(request.tensors, info.columns))
    answer, headers = infer_answer(request, outputs, answered), lineage(answered)
    if answer.json_size is None:
        return Response(answer.body, media_type=JSON_TYPE, headers=headers)
    headers["Inference-Header-Content-Length"] = str(answer.json_size)
    return Response(answer.body, media_type=BINARY, headers=headers)


def _require_known_type(received: Received, json_size: str | None) -> None:
    """Triton's client names no content type at all, KServe's names bytes where bytes follow the JSON."""
    is_binary = json_size is not None and received.content_type == BINARY
    if received.content_type and not is_binary and not is_json(received.headers):
        raise not_json()


def _metadata(counter: Counter, model: ServedModel) -> ModelMetadata:
    info = model.bundle.info
    versions = [other.version for other in counter.shelf.served() if other.name == model.name]
    return ModelMetadata(
        name=model.name,
        versions=sorted({version for version in (*versions, model.version) if version}),
        platform=info.estimator,
        inputs=[TensorMetadata(name=column.name, datatype=datatype_of(column), shape=[-1]) for column in info.columns],
        outputs=[TensorMetadata(name=name, datatype=kind, shape=[-1]) for name, kind in outputs_of(info).items()],
    )
