"""Whether a request is let in at all, and that each gets an answer: a problem where anything fails inside."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.backend.problems import ProblemError, response_to, unavailable
from apps.backend.protection.http_connections import MOST_HEAD_BYTES, head_too_large
from apps.backend.protection.rates import Strangers

ALWAYS_OPEN = frozenset(("/healthz", "/readyz", "/metrics"))
"""Whoever watches the server must see that it is busy."""

LENGTHS = frozenset((b"content-length", b"transfer-encoding"))
"""References: RFC 9112, section 6.3."""

SINGLE = frozenset((b"authorization", b"content-type", b"idempotency-key"))
"""Headers that stand once: of two, a proxy in front might have looked at the other one.

References: RFC 9110, section 5.3.
"""

Answer = Callable[[Exception], Awaitable[Response]]


@dataclass
class InFlight:
    """How many requests are being worked on, and how many may be."""

    most: int
    number: int = 0


class Entrance:
    """Lets requests in while there is room.

    Parameters
    ----------
    answer
        Makes the answer to any error, and logs those that are the server's own.
    """

    def __init__(self, app: ASGIApp, in_flight: InFlight, strangers: Strangers, answer: Answer) -> None:
        self.app = app
        self._in_flight, self._strangers, self._answer = in_flight, strangers, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        problem = self._refusal(scope)
        if problem is not None:
            await response_to(problem)(scope, receive, send)
            return
        self._in_flight.number += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._in_flight.number -= 1

    def _refusal(self, scope: Scope) -> ProblemError | None:
        headers = scope["headers"]
        if sum(len(name) + len(value) + 4 for name, value in headers) > MOST_HEAD_BYTES:
            return ProblemError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", head_too_large())
        if len({name for name, _ in headers} & LENGTHS) > 1:
            return _ambiguous()
        if len(single := [name for name, _ in headers if name in SINGLE]) > len(set(single)):
            detail = "Authorization, Content-Type or Idempotency-Key is sent twice. Send each once."
            return ProblemError(HTTPStatus.BAD_REQUEST, "repeated_header", detail)
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            detail = "The address holds a zero byte, which no name here has. Leave it out."
            return ProblemError(HTTPStatus.BAD_REQUEST, "zero_byte", detail)
        if self._in_flight.number >= self._in_flight.most and scope["path"] not in ALWAYS_OPEN:
            return unavailable("busy", "As many requests as may be are being worked on. Ask again.", 1.0)
        return None

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False
        refusal: ProblemError | None = None

        async def admitted(message: Message) -> None:
            nonlocal has_started, refusal
            if message["type"] == "http.response.start":
                has_started = True
                if message["status"] == HTTPStatus.UNAUTHORIZED:
                    refusal = self._strangers.refusal(_address_of(scope))
            if refusal is None:
                await send(message)

        try:
            await self.app(scope, receive, admitted)
        except ClientDisconnect:
            return  # nobody is there for an answer
        except Exception as error:
            response = await self._answer(error)  # which logs it, where it is the server's own
            if has_started:
                raise  # the connection is closed, so that half an answer is not taken for a whole one
            await response(scope, receive, admitted)
        if refusal is not None:
            await response_to(refusal)(scope, receive, send)


def _ambiguous() -> ProblemError:
    """A proxy in front might have taken the other length: what it took for one request must not be two here."""
    detail = "The body's length is told twice, by Content-Length and by Transfer-Encoding. Send one of them."
    return ProblemError(HTTPStatus.BAD_REQUEST, "two_lengths", detail, headers={"Connection": "close"})


def _address_of(scope: Scope) -> str | None:
    return scope["client"][0] if scope.get("client") else None
