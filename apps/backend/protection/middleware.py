"""What every request passes on its way to a route, from outside to inside."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from apps.backend.protection.bodies import BodyBounds, HasAuthenticator
from apps.backend.protection.entrance import Entrance, InFlight
from apps.backend.protection.interface import Interface
from apps.backend.protection.origins import ANSWER_HEADERS, METHODS, REQUEST_HEADERS, Origins
from apps.backend.protection.rates import Strangers
from apps.backend.protection.request_context import RequestContext
from apps.backend.settings import Settings


def install(app: FastAPI, settings: Settings) -> None:
    """Put it before the routes of `app`, whose parts and whose answers to errors are in place."""
    parts: HasAuthenticator = app.state.parts
    app.state.in_flight = InFlight(settings.requests_in_flight)

    async def answer(error: Exception) -> Response:
        found = app.exception_handlers[Exception](Request({"type": "http"}), error)
        return found if isinstance(found, Response) else await found

    # Whoever is added last stands outside.
    app.add_middleware(BodyBounds, interface=Interface(app), upload_bytes=settings.upload_bytes, parts=parts)
    app.add_middleware(
        Entrance, in_flight=app.state.in_flight, strangers=Strangers(settings.unknown_per_minute), answer=answer
    )
    if settings.origins:
        app.add_middleware(
            Origins,
            allow_origins=settings.origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=ANSWER_HEADERS,
        )
    app.add_middleware(RequestContext, https=settings.https)
