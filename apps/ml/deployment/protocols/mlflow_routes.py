"""MLflow's scoring protocol: `/ping`, `/health`, `/version`, `/invocations`, and `/endpoints/<model>/invocations`."""

from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import pandas as pd
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.protocols.counter import Counter, Received, lineage
from apps.ml.deployment.protocols.documents import (
    INVOCATION_BODY,
    MLFLOW_REFUSALS,
    MLFLOW_TURNED_AWAY,
    MLFLOW_UNREADY,
    Invocations,
    Responses,
)
from apps.ml.deployment.protocols.mlflow_forms import invocation_answer, records_of_invocation
from apps.ml.deployment.protocols.peer_json import parse_peer_json
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.requests.request_body import JSON_TYPE, is_json
from apps.ml.deployment.tables.table_bodies import frame_of_body
from apps.ml.features.request_frame import frame_from_records

ROUTE = "invocations"
VERSION: Responses = {**MLFLOW_TURNED_AWAY, 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def mlflow_routes(counter: Counter) -> APIRouter:
    """Return the routes of MLflow's scoring protocol."""
    router = APIRouter(tags=["MLflow"])
    _add_health(router, counter)
    _add_invocations(router, counter)
    return router


def _add_health(router: APIRouter, counter: Counter) -> None:
    async def ping() -> Response:
        """Tell whether predictions are answered; the body is one line break, as MLflow's is."""
        reason = counter.why_not_ready()
        if reason is not None:
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", reason, headers={"Retry-After": "1"})
        return Response("\n", media_type=JSON_TYPE)

    for path in ("/ping", "/health"):
        name = f"mlflow_{path[1:]}"
        router.add_api_route(path, ping, responses=MLFLOW_UNREADY, operation_id=name, response_class=Response)

    @router.get("/version", responses=VERSION, operation_id="mlflow_version", response_class=Response)
    async def mlflow_version() -> Response:
        """Tell the version of MLflow whose protocol is spoken."""
        return Response(version("mlflow"), media_type="text/plain")


def _add_invocations(router: APIRouter, counter: Counter) -> None:
    documented: dict[str, Any] = {
        "response_model": Invocations,
        "responses": MLFLOW_REFUSALS,
        "openapi_extra": INVOCATION_BODY,
    }

    async def invocations(request: Request) -> Response:
        """Score rows of any of MLflow's forms; the answer has one entry per row, in their order."""
        received = await counter.receive(request)
        return await counter.work(len(received.body), lambda: _answered(counter, received, None))

    async def endpoint_invocations(model: str, request: Request) -> Response:
        """Score rows with a named model, as MLflow's and Databricks' deployment clients ask."""
        received = await counter.receive(request)
        return await counter.work(len(received.body), lambda: _answered(counter, received, model))

    router.add_api_route("/invocations", invocations, methods=["POST"], operation_id="invocations", **documented)
    router.add_api_route(
        "/endpoints/{model}/invocations",
        endpoint_invocations,
        methods=["POST"],
        operation_id="endpoint_invocations",
        **documented,
    )


def _answered(counter: Counter, received: Received, model: str | None) -> Response:
    chosen = counter.choose(received.caller, ROUTE, model)
    frame = frame_of_invocation(received, chosen.model.bundle.info.columns, counter.limits)
    answered = counter.answer(chosen, frame)
    return Response(invocation_answer(answered), media_type=JSON_TYPE, headers=lineage(answered))


def frame_of_invocation(received: Received, columns: Sequence[ColumnSchema], limits: Limits) -> pd.DataFrame:
    """Return the typed frame of a body in one of the JSON forms or a table.

    Raises
    ------
    RefusalError, RequestError
        It cannot be read, or does not fit.
    """
    if not is_json(received.headers):
        return frame_of_body(received.content_type, received.body, columns, limits)
    names = [column.name for column in columns]
    return frame_from_records(records_of_invocation(parse_peer_json(received.body), names, limits), columns)
