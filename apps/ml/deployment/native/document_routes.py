"""`/openapi.json`: the document of any served version, with its own columns, types, ranges and examples."""

from collections.abc import Callable
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.requests.caller import Asked, caller_of


def document_routes(document: Callable[[Asked], dict[str, Any]]) -> APIRouter:
    """Return the route; `model`, `version` and `alias` in the query say whose columns are meant."""
    router = APIRouter()

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        """Return the OpenAPI document."""
        named = request.query_params
        asked = Asked(caller_of(request), "openapi", named.get("model"), named.get("version"), named.get("alias"))
        return JSONResponse(await to_thread.run_sync(document, asked))

    return router
