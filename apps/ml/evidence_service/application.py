"""The web application: the areas of the service behind one door, errors in one shape, one OpenAPI document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from apps.ml.deployment.protection.middleware import DoorMiddleware
from apps.ml.deployment.protection.turned_away import TurnedAwayError
from apps.ml.deployment.requests.refusals import answer_to, install_refusals
from apps.ml.errors import FairMindError
from apps.ml.evidence_service import health
from apps.ml.evidence_service.audits import routes as audits
from apps.ml.evidence_service.counted import Counted
from apps.ml.evidence_service.options import Options
from apps.ml.evidence_service.registry import routes as registry
from apps.ml.evidence_service.registry.store_watch import StoreWatch
from apps.ml.evidence_service.scopes import scope_of_path

TITLE = "FairMind evidence service"
PROTOCOL_VERSION = "1"
NO_PAGES: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}


class EvidenceApplication:
    """The ASGI application. It begins to look for the tracking store when it is started, and answers meanwhile.

    `api`, `store` and `options` are its parts, for whoever runs it; `failure`: why it could not be started.
    """

    def __init__(self, options: Options | None = None, store: StoreWatch | None = None) -> None:
        self.options = options or Options()
        self.store = store or StoreWatch()
        self.failure: FairMindError | None = None
        # A redirect would name the host that the caller named, over plain HTTP.
        self.api = FastAPI(
            title=TITLE, version=PROTOCOL_VERSION, lifespan=self._lifespan, redirect_slashes=False, **NO_PAGES
        )
        self._registry = registry.install(self.api, self.options, self.store)
        audits.install(self.api, self.options)
        health.install(self.api, self.options, self.store)
        install_refusals(self.api)
        door = DoorMiddleware(self.api, self.options.door, self._turned_away, scope_of_path)
        self._front = Counted(door, self.options.meter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or run the lifespan."""
        await self._front(scope, receive, send)

    def _turned_away(self, path: str, refusal: TurnedAwayError) -> Response:
        self.options.meter.refused(refusal.code)
        return answer_to(refusal, path, refusal.request)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        areas = self.options.areas
        try:
            for start in areas.starting:
                await to_thread.run_sync(start)
        except FairMindError as error:
            self.failure = error
            raise
        self.store.start()
        try:
            yield
        finally:
            await self._registry.finish()
            for close in reversed(areas.closing):
                await to_thread.run_sync(close)
            await to_thread.run_sync(self.store.close)
            self.options.door.close()
