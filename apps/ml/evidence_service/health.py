"""Whether the process lives, whether the registry is answered, and what is counted."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.observation.exposition import exposition
from apps.ml.deployment.observation.state import ServerState
from apps.ml.deployment.requests.error_shape import Shape
from apps.ml.evidence_service.answers import refusals
from apps.ml.evidence_service.options import Areas, Options
from apps.ml.evidence_service.registry.store_watch import StoreWatch

AWAY = "The tracking store does not answer; the log of the service says why."
DRAINING = "The service is about to end."


class Alive(Shape):
    """The process is alive; this says nothing about the tracking store."""

    status: Literal["alive"]


class Ready(Shape):
    """Whether the registry is answered, and if not, why. `notes`: area to what is not in order there, else null."""

    ready: bool
    reasons: list[str]
    notes: dict[str, str | None]


def install(api: FastAPI, options: Options, store: StoreWatch) -> None:
    """Add the routes that load balancers, people and Prometheus ask, and the OpenAPI document."""
    api.include_router(_health_routes(options, store))
    api.include_router(_metrics_routes(options, store))

    @api.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        """Return the OpenAPI document."""
        return JSONResponse(api.openapi())


def _health_routes(options: Options, store: StoreWatch) -> APIRouter:
    router = APIRouter()
    not_ready: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "The registry is not answered"}}

    @router.get("/healthz", operation_id="healthz")
    async def healthz() -> Alive:
        """Tell that the process is alive."""
        return Alive(status="alive")

    @router.get("/readyz", response_model=Ready, responses=not_ready, operation_id="readyz")
    async def readyz() -> Response:
        """Tell whether the registry is answered, and if not, why."""
        told = _readiness(options, store)
        return JSONResponse(told.model_dump(), HTTPStatus.OK if told.ready else HTTPStatus.SERVICE_UNAVAILABLE)

    return router


def _metrics_routes(options: Options, store: StoreWatch) -> APIRouter:
    router = APIRouter()
    text: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}

    @router.get("/metrics", responses={**refusals(), **text}, operation_id="metrics", response_class=Response)
    async def metrics() -> Response:
        """Return rates, errors and latencies by route, and what the areas tell of themselves."""
        told = _readiness(options, store)
        state = ServerState(told.ready, tuple(told.reasons), options.door.in_flight, None, None, None, 0, ())
        content = exposition(options.meter.counts(), state) + _of_areas(options.areas)
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    return router


def _readiness(options: Options, store: StoreWatch) -> Ready:
    found = (
        AWAY if store.state.trouble is not None else None,
        DRAINING if options.door.draining else None,
        options.door.trouble(),
    )
    reasons = [reason for reason in found if reason is not None]
    notes = {name: note() for name, note in options.areas.notes.items()}
    return Ready(ready=not reasons, reasons=reasons, notes=notes)


class _Told(Collector):
    """Metrics that were made already, as a collector."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _of_areas(areas: Areas) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(metric for tell in areas.metrics for metric in tell()))
    return generate_latest(registry)
