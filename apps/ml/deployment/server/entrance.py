"""Where every request comes in: predictions take the short way, all else goes through the routes; both are counted."""

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.ml.deployment.native.predict_route import PATH, PredictRoute
from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.observation.tracing import Stages, Tracing
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.turned_away import TurnedAwayError, draining
from apps.ml.deployment.requests.caller import address_of, admitted
from apps.ml.deployment.requests.refusals import RefusalError, answer_to
from apps.ml.deployment.requests.request_body import JSON_TYPE

JSON_HEADER = (b"content-type", JSON_TYPE.encode())
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
UNKNOWN_ROUTE = "other"
"""Label of paths that no route has, so that strangers cannot make labels without end."""


class Entrance:
    """The outermost ASGI application."""

    def __init__(
        self, predict: PredictRoute, door: Door, meter: Meter, rest: ASGIApp, tracing: Tracing | None = None
    ) -> None:
        self._predict, self._door, self._meter, self._rest, self._tracing = predict, door, meter, rest, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or run the lifespan."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        start = time.perf_counter()
        stages = None if self._tracing is None else self._tracing.begin()
        is_prediction = scope["path"] == PATH and scope["method"] == "POST"
        answer, status = self._answer_prediction if is_prediction else self._answer_rest, 500
        try:
            status = await answer(scope, receive, send)
        finally:  # the framework raises once more what it answered with 500
            self._note(scope, PATH if is_prediction else _route(scope), status, start, stages)

    def _note(self, scope: Scope, route: str, status: int, start: float, stages: Stages | None) -> None:
        method = scope["method"] if scope["method"] in METHODS else UNKNOWN_ROUTE
        self._meter.request(method, route, status, time.perf_counter() - start)
        if self._tracing is not None and stages is not None:
            about = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            self._tracing.finish(scope["headers"], about, start, stages)

    async def _answer_prediction(self, scope: Scope, receive: Receive, send: Send) -> int:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            caller = admitted(scope) or self._door.admit(headers, "predict", address_of(scope))
        except TurnedAwayError as refusal:
            return await self._refuse(refusal, refusal.request, send)
        request = caller.request or ""
        try:
            content = await self._predict.handle(headers, scope["query_string"], receive, caller)
        except asyncio.CancelledError:  # the server ends, and has waited for the body long enough
            return await self._refuse(draining(request), request, send)
        except Exception as error:  # noqa: BLE001 (every error becomes an answer; unknown ones are logged)
            return await self._refuse(error, request, send)
        finally:
            self._door.leave()
        length = (b"content-length", b"%d" % len(content))
        about = [JSON_HEADER, length, *self._door.answer_headers(request)]
        await send({"type": "http.response.start", "status": 200, "headers": about})
        await send({"type": "http.response.body", "body": content})
        return 200

    async def _refuse(self, error: Exception, request: str, send: Send) -> int:
        answer = answer_to(error, PATH, request)
        if isinstance(error, RefusalError):
            self._meter.refused(error.code)
        headers = [*answer.raw_headers, *self._door.answer_headers(request)]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        return answer.status_code

    async def _answer_rest(self, scope: Scope, receive: Receive, send: Send) -> int:
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._rest(scope, receive, noting)
        return status


def _route(scope: Scope) -> str:
    """The route's template, as `/v2/models/{model}/infer`."""
    path: str = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
    return path
