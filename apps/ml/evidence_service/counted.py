"""Every request is counted, whoever answers it."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.server.entrance import METHODS, UNKNOWN_ROUTE

FAILED = 500


class Counted:
    """The outermost ASGI application: notes method, template of the route, status and time."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app, self._meter = app, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or run the lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), FAILED

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:  # the framework raises once more what it answered with 500
            route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
            method = scope["method"] if scope["method"] in METHODS else UNKNOWN_ROUTE
            self._meter.request(method, route, status, time.perf_counter() - start)
