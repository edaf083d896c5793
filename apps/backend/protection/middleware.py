"""What every request passes: its id, and the headers that every answer carries."""

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.backend.observation.request_ids import HEADER, REQUEST_ID, request_id_of
from apps.backend.settings import Settings

SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
STRICT_TRANSPORT = ("strict-transport-security", "max-age=31536000")


class RequestContext:
    """Gives a request its id, and its answer the id and the security headers."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._headers = [*SECURITY_HEADERS.items(), *([STRICT_TRANSPORT] if settings.https else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = request_id_of(Headers(scope=scope).get(HEADER))
        REQUEST_ID.set(request)

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[HEADER] = request
                for name, value in self._headers:
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, complete)


def install(app: FastAPI, settings: Settings) -> None:
    """Put it before the routes of `app`."""
    app.add_middleware(RequestContext, settings=settings)
