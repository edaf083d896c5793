"""The native routes: predictions, what is served, and the page for people."""

from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from apps.ml.deployment.native.descriptions import description
from apps.ml.deployment.native.docs_page import SECURITY, docs_page
from apps.ml.deployment.native.explained_schemas import ExplanationAnswer
from apps.ml.deployment.native.predict_route import PATH, PredictRoute
from apps.ml.deployment.native.schemas import ModelList, PredictionAnswer
from apps.ml.deployment.requests.caller import Asked, caller_of
from apps.ml.deployment.requests.error_shape import MISDIRECTED, ErrorAnswer
from apps.ml.deployment.requests.request_body import JSON_TYPE
from apps.ml.deployment.versions.shelf import Shelf

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "Empty or unreadable body"},
    401: {"model": ErrorAnswer, "description": "No valid API key, where keys are required"},
    403: {"model": ErrorAnswer, "description": "The API key lacks the scope"},
    404: {"model": ErrorAnswer, "description": "A model, version or alias is asked for that is not served"},
    408: {"model": ErrorAnswer, "description": "The body did not arrive in time"},
    413: {"model": ErrorAnswer, "description": "Body too large or too many rows"},
    415: {"model": ErrorAnswer, "description": "A content type that is not read"},
    421: {"model": ErrorAnswer, "description": MISDIRECTED},
    422: {"model": ErrorAnswer, "description": "Values that do not fit the model's signature"},
    429: {"model": ErrorAnswer, "description": "Too many requests of this key; Retry-After says when to ask again"},
    500: {"model": ErrorAnswer, "description": "The server failed; the message holds the number of the error"},
    503: {"model": ErrorAnswer, "description": "No model is loaded, too much is asked at once, or the log has no room"},
}
BUSY = {"model": ErrorAnswer, "description": "Too much is asked at once, or the server is about to end"}
TURNED_AWAY: dict[int | str, dict[str, Any]] = {
    **{status: REFUSALS[status] for status in (401, 403, 421, 429)},
    503: BUSY,
}
"""How the door refuses, on every path that is not open to everybody."""

NAMED_IN_QUERY = [
    {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": description}
    for name, description in (
        ("model", "Of a table: the model that is asked. JSON says it, and the three below, in the body."),
        ("version", "Of a table: the version that is asked."),
        ("alias", "Of a table: the alias that is asked."),
        ("subject", "Of a table: the caller's name for the person or case, of at most 200 characters."),
    )
]


def native_routes(shelf: Shelf, predict: PredictRoute) -> APIRouter:
    """Return the native routes over one shelf."""
    router = APIRouter()
    _add_prediction(router, predict)
    _add_models(router, shelf)
    _add_docs(router, shelf)
    return router


def _add_prediction(router: APIRouter, route: PredictRoute) -> None:
    answer: Any = PredictionAnswer | ExplanationAnswer

    @router.post(
        PATH,
        response_model=answer,
        responses=REFUSALS,
        operation_id="predict",
        openapi_extra={"parameters": NAMED_IN_QUERY},
    )
    async def predict(request: Request) -> Response:
        """Score one row or many. The answers come in the order of the rows, with explanations where `explain` asks."""
        scope = request.scope
        content = await route.handle(dict(scope["headers"]), scope["query_string"], request.receive, caller_of(request))
        return Response(content, media_type=JSON_TYPE)


def _add_models(router: APIRouter, shelf: Shelf) -> None:
    @router.get("/v1/models", responses=TURNED_AWAY, operation_id="models")
    async def models() -> ModelList:
        """Tell what is served: version, evidence, signature, threshold and what a decision means."""
        return ModelList(models=[description(model) for model in shelf.served()])


def _add_docs(router: APIRouter, shelf: Shelf) -> None:
    @router.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        """Show people how to ask; `model`, `version` and `alias` in the query say which version."""
        served, named = shelf.served(), [request.query_params.get(key) for key in ("model", "version", "alias")]
        model = served[0] if served else None
        if any(named):
            model = shelf.choose(Asked(caller_of(request), "docs", *named)).model
        page = await to_thread.run_sync(docs_page, model, str(request.base_url).rstrip("/"), served)
        return HTMLResponse(page, headers=SECURITY)
