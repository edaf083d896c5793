"""What every request has around it: its id, the headers of every answer, one line in the log, and its time."""

import asyncio
import time
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.backend.observation import logs, metrics
from apps.backend.observation.request_ids import HEADER, REQUEST_ID, request_id_of
from apps.backend.problems import ProblemError, response_to, unavailable
from apps.backend.protection.security_headers import security_headers

POLICY_VIOLATION = 1008
"""References: RFC 6455, section 7.4.1."""

UNLOGGED = frozenset(("/healthz", "/readyz", "/metrics"))
"""Asked for every few seconds by machines; their failures are logged."""


class RequestContext:
    """The outermost layer. WebSockets are refused; a request that is cut off at the end of the server is told so."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self.app = app
        self._headers = security_headers(https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request = request_id_of(Headers(scope=scope).get(HEADER))
        token = REQUEST_ID.set(request)
        status = 0

        async def complete(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[HEADER] = request
                for name, value in self._headers:
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, complete)
        except asyncio.CancelledError:
            if not status:
                await response_to(ending())(scope, receive, complete)
            raise
        finally:
            # 499, as nginx writes it: the client went away before there was an answer.
            _note(scope, status or 499, time.perf_counter() - began, request)
            REQUEST_ID.reset(token)


def ending() -> ProblemError:
    """Return the refusal of a request that the end of the server cut off."""
    return unavailable("ending", "The server is about to end. Ask again.")


def _note(scope: Scope, status: int, seconds: float, request: str) -> None:
    route = getattr(scope.get("route"), "path", None)
    metrics.request(scope["method"], route, status, seconds)
    if route in UNLOGGED and status < HTTPStatus.BAD_REQUEST:
        return
    caller = scope.get("state", {}).get("caller")
    organisation = getattr(caller, "organisation", None)
    logs.request_answered(_method(scope["method"]), route, status, seconds, organisation, request)


def _method(given: str) -> str:
    return given if given in metrics.METHODS else metrics.OTHER_METHOD
