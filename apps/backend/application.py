"""The web application: parts, routes, problems, one OpenAPI document."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from apps.backend import problem_answers
from apps.backend.audit_log import routes as audit_log
from apps.backend.bias_tests import routes as bias_tests
from apps.backend.decisions import routes as decisions
from apps.backend.governance import routes as governance
from apps.backend.models import routes as models
from apps.backend.operation import routes as operation
from apps.backend.parts import Parts, make_parts
from apps.backend.people import routes as people
from apps.backend.protection import middleware
from apps.backend.settings import Settings
from apps.backend.storage.schema import upgrade

TITLE = "FairMind backend"
VERSION = "1"
AREAS = (people, audit_log, decisions, bias_tests, models, governance, operation)
"""Each brings `install(app, parts)`: its routes, and its jobs where it has some."""


def create_application(settings: Settings, make: Callable[[Settings], Parts] = make_parts) -> FastAPI:
    """Return the application; its tables are brought up to date when it is started."""
    parts = make(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await upgrade(parts.database)
        parts.background.start()
        try:
            yield
        finally:
            await parts.background.stop()
            await parts.model_server.close()
            await parts.evidence.close()
            await parts.database.close()

    app = FastAPI(
        title=TITLE, version=VERSION, lifespan=lifespan, redirect_slashes=False, docs_url=None, redoc_url=None
    )
    app.state.parts = parts
    problem_answers.install(app)
    for area in AREAS:
        area.install(app, parts)
    middleware.install(app, settings)
    return app
