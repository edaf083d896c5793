"""The web application: one shelf, one desk, the routes of every protocol, errors in one shape, one OpenAPI document."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from apps.ml.deployment.answering.call_log import CallLog, NoLog
from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.native.openapi import openapi_document
from apps.ml.deployment.native.predict_route import PredictRoute
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.native.routes import native_routes
from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import install_refusals
from apps.ml.deployment.server.entrance import Entrance
from apps.ml.deployment.server.health import health_routes, metrics_routes
from apps.ml.deployment.server.open_door import OpenDoor
from apps.ml.deployment.server.readiness import Readings
from apps.ml.deployment.versions.model_source import ModelSource
from apps.ml.deployment.versions.shelf import Shelf

TITLE = "FairMind model server"
PROTOCOL_VERSION = "1"
NO_PAGES: dict[str, Any] = {"docs_url": None, "redoc_url": None}


@dataclass(frozen=True)
class Options:
    """What the operator chose; the default keeps no log and asks nobody for a key."""

    limits: Limits = field(default_factory=Limits)
    log: CallLog = field(default_factory=NoLog)


class Application:
    """The ASGI application; it begins to load its models when it is started and answers /healthz meanwhile."""

    def __init__(
        self,
        sources: Sequence[ModelSource],
        options: Options | None = None,
        on_finished: Callable[[Shelf], None] = lambda _: None,
    ) -> None:
        chosen = options or Options()
        self.meter = Meter()
        self.shelf = Shelf(sources)
        self._on_finished = on_finished
        self.readings = Readings(self.shelf, chosen.log)
        predict = PredictRoute(Desk(self.shelf, chosen.log, self.meter), chosen.limits, PreparedVersions())
        self.api = FastAPI(
            title=TITLE, version=PROTOCOL_VERSION, lifespan=self._lifespan, docs_url=None, redoc_url=None
        )
        self.api.include_router(native_routes(self.shelf, predict))
        self.api.include_router(health_routes(self.readings.readiness))
        self.api.include_router(metrics_routes(self.meter.counts, self.readings.state))
        self.api.openapi = self.openapi  # type: ignore[method-assign]
        install_refusals(self.api)
        self._entrance = Entrance(predict, OpenDoor(), self.meter, self.api, lambda _: [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or run the lifespan."""
        await self._entrance(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """Return the document, with the columns of the first served version."""
        served = self.shelf.served()
        return openapi_document(self.api, served[0].bundle.info.columns if served else None)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        self.shelf.fill_in_background(self._on_finished)
        yield
