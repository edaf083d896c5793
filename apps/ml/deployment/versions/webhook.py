"""The webhook of MLflow's registry: an alias that was moved is looked at now and not at the next poll."""

from http import HTTPStatus
from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.requests.error_shape import MISDIRECTED, ErrorAnswer
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.request_body import parse_json, read_body
from apps.ml.deployment.versions.delivery import DeliveryCheck

PATH = "/v1/webhooks/mlflow"
ALIAS_EVENTS = (("model_version_alias", "created"), ("model_version_alias", "deleted"))
LIMITS = Limits(body_bytes=65_536, body_seconds=10.0)
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "Empty body or invalid JSON"},
    401: {"model": ErrorAnswer, "description": "Not signed with this server's secret, or older than 5 minutes"},
    408: {"model": ErrorAnswer, "description": "The body did not arrive in time"},
    413: {"model": ErrorAnswer, "description": "Body too large"},
    415: {"model": ErrorAnswer, "description": "A content type that is not JSON in UTF-8"},
    421: {"model": ErrorAnswer, "description": MISDIRECTED},
}


class Wakeable(Protocol):
    """What a delivery wakes: a watcher."""

    def wake(self) -> None:
        """Refresh soon; returns at once."""


def webhook_routes(watcher: Wakeable, secret: str | None) -> APIRouter:
    """Return the route that MLflow's registry delivers to; without a secret there is none (404).

    The route asks for no API key: the signature over the body takes its place.
    """
    router = APIRouter()
    if secret is None:
        return router
    check = DeliveryCheck(secret)

    @router.post(PATH, operation_id="mlflow_webhook", responses=REFUSALS)
    async def mlflow_webhook(request: Request) -> Response:
        """Take a signed delivery of MLflow's registry. `status`: `refreshing`, or `ignored`, or `repeated`."""
        body = await read_body(request, LIMITS)
        if not check.admit(request.headers, body):
            return JSONResponse({"status": "repeated"})
        if _event(parse_json(body)) not in ALIAS_EVENTS:
            return JSONResponse({"status": "ignored"})
        watcher.wake()
        return JSONResponse({"status": "refreshing"}, status_code=HTTPStatus.OK)

    return router


def _event(document: Any) -> tuple[Any, Any]:
    if not isinstance(document, dict):
        return None, None
    return document.get("entity"), document.get("action")
