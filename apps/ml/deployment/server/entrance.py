"""Where every request comes in: predictions take the short way, all else goes through the routes; both are counted."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.ml.deployment.native.predict_route import PredictRoute
from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.requests.caller import Caller
from apps.ml.deployment.requests.refusals import answer_to

PREDICT = "/v1/predict"
JSON_HEADER = (b"content-type", b"application/json")
UNKNOWN_ROUTE = "other"
"""Label of paths that no route has, so that strangers cannot make labels without end."""

Header = tuple[bytes, bytes]


class Admission(Protocol):
    """Lets a request in or raises a refusal; `leave` is called once for each that was let in."""

    def admit(self, headers: Sequence[Header], scope: str) -> Caller:
        """See :class:`~apps.ml.deployment.protection.door.Door`."""

    def leave(self) -> None:
        """The request is over."""


class Entrance:
    """The outermost ASGI application.

    `answer_headers`: what every answer of the short way carries besides type and length, given who asks.
    """

    def __init__(
        self,
        predict: PredictRoute,
        door: Admission,
        meter: Meter,
        rest: ASGIApp,
        answer_headers: Callable[[Caller | None], list[Header]],
    ) -> None:
        self._predict, self._door, self._meter, self._rest = predict, door, meter, rest
        self._answer_headers = answer_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or run the lifespan."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
        elif scope["path"] == PREDICT and scope["method"] == "POST":
            await self._answer_prediction(scope, receive, send)
        else:
            await self._answer_rest(scope, receive, send)

    async def _answer_prediction(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        caller: Caller | None = None
        try:
            headers: list[Header] = scope["headers"]
            caller = self._door.admit(headers, "predict")
            try:
                content = await self._predict.handle(dict(headers), receive, caller)
            finally:
                self._door.leave()
        except Exception as error:  # noqa: BLE001 (every error becomes an answer; unknown ones are logged)
            await self._refuse(answer_to(error, PREDICT), caller, send, start)
            return
        about = [JSON_HEADER, (b"content-length", b"%d" % len(content)), *self._answer_headers(caller)]
        await send({"type": "http.response.start", "status": 200, "headers": about})
        await send({"type": "http.response.body", "body": content})
        self._meter.request("POST", PREDICT, 200, time.perf_counter() - start)

    async def _refuse(self, answer: Response, caller: Caller | None, send: Send, start: float) -> None:
        headers = [*answer.raw_headers, *self._answer_headers(caller)]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        self._meter.request("POST", PREDICT, answer.status_code, time.perf_counter() - start)

    async def _answer_rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._rest(scope, receive, noting)
        finally:
            self._meter.request(scope["method"], _route(scope), status, time.perf_counter() - start)


def _route(scope: Scope) -> str:
    """The route's template, as `/v2/models/{model}/infer`."""
    path: str = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
    return path
