"""What whoever runs the backend asks it: alive, ready, and in numbers."""

from typing import Literal

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from apps.backend.observation import metrics
from apps.backend.operation.docs_page import HEADERS, docs_page
from apps.backend.operation.metrics_access import require_operator
from apps.backend.operation.readiness import DatabaseState, Readiness, breakers, set_gauges
from apps.backend.parts import Parts
from apps.backend.problems import problems, unavailable
from apps.backend.protection.repeats import forget_old
from apps.backend.upstreams.breaker import State

FORGET_SECONDS = 3600.0
NOT_READY = {
    "away": "The database does not answer. See to it, and to DATABASE_URL.",
    "old": "The tables are those of another version. Run `fairmind-backend migrate up`, or the version that made them.",
}


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The backend can do its work. `upstreams`: the states of their circuit breakers, which decide nothing here."""

    status: Literal["ready"] = "ready"
    database: DatabaseState
    upstreams: dict[str, State]


def install(app: FastAPI, parts: Parts) -> None:
    """Add the routes and the job that forgets old keys of repeated requests."""
    router = APIRouter(tags=["operation"])
    readiness = Readiness(parts)

    @router.get("/healthz", operation_id="health")
    async def health() -> Alive:
        """Tell that the process answers; nothing else is looked at."""
        return Alive()

    @router.get("/readyz", operation_id="readiness", responses=_only(503))
    async def ready() -> Ready:
        """Tell whether requests can be answered: 503 while the database is away or has other tables."""
        found = await readiness.database()
        if found != "current":
            raise unavailable("not_ready", NOT_READY[found])
        return Ready(database=found, upstreams=breakers(parts))

    @router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse, responses=_only(401))
    async def numbers(request: Request) -> Response:
        """Give the numbers of this process to Prometheus."""
        require_operator(request, parts.settings.metrics_token)
        set_gauges(parts, await readiness.database(), app.state.in_flight.number)
        return Response(metrics.exposition(), media_type=metrics.MEDIA_TYPE)

    @router.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        """Show the interface to people."""
        return HTMLResponse(docs_page(app.openapi()), headers=HEADERS)

    async def forget() -> None:
        await forget_old(parts)

    app.include_router(router)
    parts.background.every(FORGET_SECONDS, "forget repeated requests", forget)


def _only(*statuses: int) -> dict[int | str, dict[str, object]]:
    return {status: answer for status, answer in problems(*statuses).items() if status in statuses}
