"""Whether the process lives, whether predictions are answered, and what is counted."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.native.routes import TURNED_AWAY
from apps.ml.deployment.native.schemas import Health, Readiness
from apps.ml.deployment.observation.exposition import exposition
from apps.ml.deployment.observation.meter import Counts
from apps.ml.deployment.observation.state import ServerState

OPEN: dict[int | str, dict[str, Any]] = {421: TURNED_AWAY[421]}
"""How the door refuses on a path that is open to everybody."""

NOT_READY = {**OPEN, 503: {"model": Readiness, "description": "Predictions are not answered"}}
METRICS = {**TURNED_AWAY, 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def health_routes(readiness: Callable[[], Readiness]) -> APIRouter:
    """Return the routes that load balancers and people ask."""
    router = APIRouter()

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", responses=OPEN, operation_id="healthz")
    async def healthz() -> Health:
        """Tell that the process is alive."""
        return Health(status="alive")

    @router.head("/readyz", include_in_schema=False)
    @router.get("/readyz", response_model=Readiness, responses=NOT_READY, operation_id="readyz")
    async def readyz() -> Response:
        """Tell whether predictions are answered, and if not, why."""
        told = readiness()
        status = HTTPStatus.OK if told.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(told.model_dump(), status_code=status)

    return router


def metrics_routes(counts: Callable[[], Counts], state: Callable[[], ServerState]) -> APIRouter:
    """Return the route that Prometheus asks."""
    router = APIRouter()

    @router.get("/metrics", responses=METRICS, operation_id="metrics", response_class=Response)
    async def metrics() -> Response:
        """Return rates, errors, latencies by stage and version, queue, log lag and the scorers in use."""
        return Response(exposition(counts(), state()), media_type=CONTENT_TYPE_LATEST)

    return router
