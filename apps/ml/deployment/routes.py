"""The native routes: predictions, what is served, alive, ready."""

from http import HTTPStatus
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from apps.ml.deployment.docs_page import SECURITY, docs_page
from apps.ml.deployment.limits import Limits
from apps.ml.deployment.model_slot import ModelSlot
from apps.ml.deployment.prediction import answer_prediction
from apps.ml.deployment.request_body import read_body
from apps.ml.deployment.schemas import ErrorAnswer, Health, ModelList, PredictionAnswer, Readiness

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "Empty body or invalid JSON"},
    404: {"model": ErrorAnswer, "description": "Another model, version or alias is asked for than is served"},
    408: {"model": ErrorAnswer, "description": "The body did not arrive in time"},
    413: {"model": ErrorAnswer, "description": "Body too large or too many rows"},
    415: {"model": ErrorAnswer, "description": "Content type other than application/json"},
    422: {"model": ErrorAnswer, "description": "Values that do not fit the model's signature"},
    500: {"model": ErrorAnswer, "description": "The server failed; the message holds the number of the error"},
    503: {"model": ErrorAnswer, "description": "No model is loaded"},
}


def native_routes(slot: ModelSlot, limits: Limits) -> APIRouter:
    """Return the native routes over one slot."""
    router = APIRouter()
    _add_prediction(router, slot, limits)
    _add_models(router, slot)
    _add_health(router, slot)
    _add_docs(router, slot)
    return router


def _add_prediction(router: APIRouter, slot: ModelSlot, limits: Limits) -> None:
    threads: list[CapacityLimiter] = []

    @router.post("/v1/predict", response_model=PredictionAnswer, responses=REFUSALS, operation_id="predict")
    async def predict(request: Request) -> Response:
        """Score one row or many. The answers come in the order of the rows."""
        if not threads:
            threads.append(CapacityLimiter(limits.scoring_threads))
        body = await read_body(request, limits)
        model = slot.served()
        content = await to_thread.run_sync(answer_prediction, body, model, limits, limiter=threads[0])
        return JSONResponse(content)


def _add_models(router: APIRouter, slot: ModelSlot) -> None:
    @router.get("/v1/models", operation_id="models")
    async def models() -> ModelList:
        """Tell what is served: version, evidence, signature, threshold and what a decision means."""
        model = slot.model
        return ModelList(models=[model.description()] if model else [])


def _add_health(router: APIRouter, slot: ModelSlot) -> None:
    @router.get("/healthz", operation_id="healthz")
    async def healthz() -> Health:
        """Tell that the process is alive."""
        return Health(status="alive")

    not_ready: dict[int | str, dict[str, Any]] = {503: {"model": Readiness, "description": "No model is loaded"}}

    @router.get("/readyz", response_model=Readiness, responses=not_ready, operation_id="readyz")
    async def readyz() -> Response:
        """Tell whether the model was loaded and reproduced its golden rows, and if not, why."""
        status = HTTPStatus.OK if slot.state == "ready" else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(_readiness(slot).model_dump(), status_code=status)


def _add_docs(router: APIRouter, slot: ModelSlot) -> None:
    @router.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        """Show people how to ask."""
        return HTMLResponse(docs_page(slot.model, str(request.base_url).rstrip("/")), headers=SECURITY)


def _readiness(slot: ModelSlot) -> Readiness:
    model = slot.model
    return Readiness(
        ready=model is not None,
        state=slot.state,
        reason=slot.reason,
        model=model.name if model else None,
        version=model.version if model else None,
    )
