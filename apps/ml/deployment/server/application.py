"""The web application: one shelf, one desk, the routes of every protocol, errors in one shape, one OpenAPI document."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.native.document_routes import document_routes
from apps.ml.deployment.native.explain_routes import PATH as EXPLAIN_PATH
from apps.ml.deployment.native.explain_routes import ExplainedAnswers
from apps.ml.deployment.native.openapi import openapi_document
from apps.ml.deployment.native.predict_route import PATH as PREDICT_PATH
from apps.ml.deployment.native.predict_route import PredictRoute
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.protocols.error_shapes import reshaped
from apps.ml.deployment.requests.caller import Asked
from apps.ml.deployment.requests.refusals import install_refusals
from apps.ml.deployment.server.at_once import AtOnce
from apps.ml.deployment.server.background import Background
from apps.ml.deployment.server.entrance import Entrance
from apps.ml.deployment.server.front import in_front
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.server.readings import Readings
from apps.ml.deployment.server.routes import Parts, add_routes
from apps.ml.deployment.server.served_entries import PreparedExplanations, ServedEntries
from apps.ml.deployment.versions.model_source import ModelSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.shelf import Shelf

TITLE = "FairMind model server"
PROTOCOL_VERSION = "1"
NO_PAGES: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}


class Application:
    """The ASGI application; it begins to load its models when it is started and answers /healthz meanwhile.

    `shelf`, `meter`, `readings`, `at_once` and `api` are its parts, for whoever runs it.
    """

    def __init__(
        self,
        sources: Sequence[ModelSource],
        options: Options | None = None,
        on_finished: Callable[[Shelf], None] = lambda _: None,
    ) -> None:
        self.options = options or Options()
        self.meter = Meter()
        self._write_down, self._prepare = ServedEntries(self.options.log), PreparedExplanations()
        self.shelf = Shelf(sources, self._served)
        chooser = self.options.chooser(self.shelf)
        desk = Desk(chooser, self.options.log, self.meter)
        prepared = PreparedVersions()
        predict = PredictRoute(desk, self.options.limits, prepared)
        explain = ExplainedAnswers(desk, self.options.limits, prepared)
        self.readings = Readings(self.shelf, self.options, predict)
        self._background = Background(self.shelf, self.options, self.meter, on_finished)
        # A redirect would name the host that the caller named, and send the rows once more, over plain HTTP.
        self.api = FastAPI(
            title=TITLE, version=PROTOCOL_VERSION, lifespan=self._lifespan, redirect_slashes=False, **NO_PAGES
        )
        parts = Parts(self.shelf, desk, predict, explain, self.readings, self._background, self.options)
        add_routes(self.api, parts)
        self.api.include_router(document_routes(self.openapi_of))
        self.api.openapi = self.openapi  # type: ignore[method-assign]
        install_refusals(self.api, reshaped)
        ways = {PREDICT_PATH: predict.at_once, EXPLAIN_PATH: explain.at_once}
        self.at_once = AtOnce(ways, self.options.door, self.meter)
        self._entrance = Entrance(
            predict, self.options.door, self.meter, in_front(self.api, self.options, self.meter), self.options.tracing
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or run the lifespan."""
        await self._entrance(scope, receive, send)

    def load(self) -> None:
        """Load the models now and wait for it, instead of when the application is started."""
        self._background.load()

    def _served(self, model: ServedModel) -> None:
        """Told of a version before it answers."""
        self._write_down(model)
        self._prepare(model)

    def openapi(self) -> dict[str, Any]:
        """Return the document, with the columns of the first served version."""
        served = self.shelf.served()
        return openapi_document(self.api, served[0].bundle.info.columns if served else None)

    def openapi_of(self, asked: Asked) -> dict[str, Any]:
        """Return the document with the columns of the version that is meant; :class:`RefusalError` 404 for none."""
        if asked.model is None and asked.version is None and asked.alias is None:
            return self.openapi()
        return openapi_document(self.api, self.shelf.choose(asked).model.bundle.info.columns)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        self._background.start()
        try:
            yield
        finally:
            self._background.stop()
