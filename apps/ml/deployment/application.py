"""The web application: routes over one slot, errors in one shape, a document that shows the loaded signature."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from apps.ml.deployment.limits import Limits
from apps.ml.deployment.model_slot import ModelSlot
from apps.ml.deployment.model_source import ModelSource
from apps.ml.deployment.openapi import openapi_document
from apps.ml.deployment.refusals import install_refusals
from apps.ml.deployment.routes import native_routes

TITLE = "FairMind model server"
PROTOCOL_VERSION = "1"


def _nothing(_: ModelSlot) -> None:
    """Default of `on_finished`: loading ends without anybody being told."""


def create_app(
    source: ModelSource, limits: Limits | None = None, on_finished: Callable[[ModelSlot], None] = _nothing
) -> FastAPI:
    """Return the application; it begins to load `source` when it is started and answers /healthz meanwhile.

    Parameters
    ----------
    limits
        What one request may cost; None: the defaults.
    on_finished
        Called from the loading thread once the model is loaded or could not be.
    """
    slot = ModelSlot(source)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        slot.fill_in_background(on_finished)
        yield

    app = FastAPI(title=TITLE, version=PROTOCOL_VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(native_routes(slot, limits or Limits()))
    install_refusals(app)

    def document() -> dict[str, Any]:
        return openapi_document(app, slot.model.bundle.info.columns if slot.model else None)

    app.openapi = document  # type: ignore[method-assign]
    app.state.slot = slot
    return app
