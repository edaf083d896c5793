"""The door in front of an ASGI application: nothing reaches a route that was not admitted, no answer leaves bare.

It must be the outermost layer, so that errors that the framework answers itself carry the headers as well.
"""

from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.paths import ScopeOfPath, route_path, scope_of_path
from apps.ml.deployment.protection.response_headers import Headers, completed
from apps.ml.deployment.protection.turned_away import TurnedAwayError
from apps.ml.deployment.requests.caller import address_of, admitted

Answer = Callable[[str, TurnedAwayError], Response]
"""From path and refusal to the answer in the shape of the path's protocol."""

OnTurnedAway = Callable[[Scope, str, TurnedAwayError], Awaitable[None]]
"""Told of every request that was turned away: its ASGI scope, the scope that it needed, why."""

POLICY_VIOLATION = 1008
"""References: RFC 6455, section 7.4.1."""


async def _nothing(_: Scope, __: str, ___: TurnedAwayError) -> None:
    """Default of `on_turned_away`."""


class DoorMiddleware:
    """Admits requests, hands their caller on as `scope["state"]["caller"]`, and completes every answer's headers.

    Parameters
    ----------
    answer
        Makes the answer to a request that is turned away.
    own_doors
        Paths whose application calls the door itself; they pass through untouched.
    on_turned_away
        Told of refusals before they are answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        door: Door,
        answer: Answer,
        needed: ScopeOfPath = scope_of_path,
        own_doors: frozenset[str] = frozenset(),
        on_turned_away: OnTurnedAway = _nothing,
    ) -> None:
        self.app = app
        self._door = door
        self._answer = answer
        self._needed = needed
        self._own_doors = own_doors
        self._on_turned_away = on_turned_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        path = route_path(scope) if scope["type"] == "http" else None
        if path is None or path in self._own_doors:
            await self.app(scope, receive, send)
            return
        needed = self._needed(path, scope["method"])
        if needed is None:
            await self._serve_open(scope, receive, send)
        else:
            await self._serve(needed, scope, receive, send)

    async def _serve_open(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = self._door.greet(dict(scope["headers"]))
        except TurnedAwayError as error:
            await self._refuse(error, scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, _completing(send, self._door.answer_headers(caller.request or "")))

    async def _serve(self, needed: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = admitted(scope) or self._door.admit(dict(scope["headers"]), needed, address_of(scope))
        except TurnedAwayError as error:
            await self._on_turned_away(scope, needed, error)
            await self._refuse(error, scope, receive, send)
            return
        try:
            scope.setdefault("state", {})["caller"] = caller
            await self.app(scope, receive, _completing(send, self._door.answer_headers(caller.request or "")))
        finally:
            self._door.leave()

    async def _refuse(self, error: TurnedAwayError, scope: Scope, receive: Receive, send: Send) -> None:
        others = self._door.answer_headers(error.request) + _encoded(error)
        await self._answer(route_path(scope), error)(scope, receive, _completing(send, others))


def _completing(send: Send, others: Headers) -> Send:
    """Return a `send` that adds the headers that an answer does not have itself."""

    async def complete(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": completed(message.get("headers", ()), others)}
        await send(message)

    return complete


def _encoded(error: TurnedAwayError) -> Headers:
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in (error.headers or {}).items()]
