"""A route whose refusals have the shape of its protocol."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from apps.ml.deployment.protocols.error_shapes import error_answer
from apps.ml.errors import RequestError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PeerRoute(APIRoute):
    """Answers :class:`RequestError` itself and leaves all other errors to the application."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler with the protocol's refusals around it."""
        handle = super().get_route_handler()

        async def shaped(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestError as error:
                path = str(request.scope["path"]).removeprefix(request.scope.get("root_path", ""))
                answer = error_answer(path, error)
                if answer is None:
                    raise
                return answer

        return shaped
