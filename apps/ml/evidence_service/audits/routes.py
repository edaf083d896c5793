"""POST /v1/audits and POST /v1/tables."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.requests.request_body import JSON_TYPE
from apps.ml.errors import BadInputError
from apps.ml.evidence_service.answers import refusals
from apps.ml.evidence_service.audits.children import Refused
from apps.ml.evidence_service.audits.desk import AuditDesk
from apps.ml.evidence_service.audits.query import AuditQuery, Query, TableQuery
from apps.ml.evidence_service.audits.settings import AuditSettings, audit_settings
from apps.ml.evidence_service.audits.shapes import (
    AuditAnswer,
    AuditErrorAnswer,
    AuditErrorBody,
    AuditMisfit,
    TableAnswer,
)
from apps.ml.evidence_service.audits.upload import KINDS
from apps.ml.evidence_service.options import Options

OPTIONS_CODE = "options"
ASKED = {"description": "The file as it is, at most FAIRMIND_AUDIT_BYTES of it."}
REFUSALS: dict[int | str, dict[str, Any]] = {
    **refusals(408, 413, 415),
    422: {"model": AuditErrorAnswer, "description": "The file or the parameters cannot be used; nothing was computed"},
}
Asked = TypeVar("Asked", bound=Query)


def install(api: FastAPI, options: Options, settings: AuditSettings | None = None) -> AuditDesk:
    """Add the routes, and return the desk behind them; it opens and closes with the application.

    `settings`: None: those of the environment.

    Raises
    ------
    BadInputError
        A variable of the environment holds what it cannot mean.
    """
    desk = AuditDesk(settings or audit_settings())
    api.include_router(audit_routes(desk))
    options.areas.starting.append(desk.open)
    options.areas.closing.append(desk.close)
    options.areas.metrics.append(desk.metrics)
    return desk


def audit_routes(desk: AuditDesk) -> APIRouter:
    """Return the routes; whoever asks was let in by the door."""
    router = APIRouter(prefix="/v1", responses=REFUSALS)

    @router.post(
        "/audits",
        operation_id="audit_file",
        response_class=Response,
        responses={200: {"model": AuditAnswer, "description": "The audit, whatever its verdict"}},
        openapi_extra=_documented(AuditQuery),
    )
    async def audit(request: Request) -> Response:
        """Audit the decisions in a file, as `fairmind audit` does; the parameters are its options."""
        query = _read(AuditQuery, request, lambda query: query.options(Path("table")))
        return query if isinstance(query, Response) else _answer(await desk.read("audit", query, request))

    @router.post(
        "/tables",
        operation_id="describe_table",
        response_class=Response,
        responses={200: {"model": TableAnswer, "description": "What the file holds"}},
        openapi_extra=_documented(TableQuery),
    )
    async def table(request: Request) -> Response:
        """Count the rows of a file, name its columns with their types, and show its first rows."""
        query = _read(TableQuery, request, lambda query: query.require_readable())
        return query if isinstance(query, Response) else _answer(await desk.read("table", query, request))

    return router


def _read(model: type[Asked], request: Request, check: Callable[[Asked], object]) -> Asked | Response:
    """Return the parameters of a request, or the refusal of what cannot be meant, before any of its body is read."""
    try:
        query = model.read(request.query_params.multi_items())
        check(query)
    except BadInputError as error:
        return _refusal(Refused(OPTIONS_CODE, str(error)))
    return query


def _answer(found: bytes | Refused) -> Response:
    return _refusal(found) if isinstance(found, Refused) else Response(found, media_type=JSON_TYPE)


def _refusal(refused: Refused) -> Response:
    misfits = [
        AuditMisfit(code=one.code, column=one.column, rows=one.rows, problem=one.message, expected=one.expected)
        for one in refused.findings
    ]
    body = AuditErrorAnswer(error=AuditErrorBody(code=refused.code, message=refused.message, findings=misfits))
    return JSONResponse(body.model_dump(), HTTPStatus.UNPROCESSABLE_ENTITY)


def _documented(model: type[Query]) -> dict[str, Any]:
    """Return what the OpenAPI document says of the parameters and the body: both are read here, in the one shape."""
    schema = model.model_json_schema()
    parameters = [_parameter(name, content) for name, content in schema["properties"].items()]
    file = {"schema": {"type": "string", "format": "binary"}}
    return {
        "parameters": parameters,
        "requestBody": {"required": True, "content": dict.fromkeys(KINDS, file), **ASKED},
    }


def _parameter(name: str, content: dict[str, Any]) -> dict[str, Any]:
    schema = {key: value for key, value in content.items() if key not in ("description", "title", "anyOf")}
    given = [choice for choice in content.get("anyOf", ()) if choice != {"type": "null"}]
    schema = {key: value for key, value in schema.items() if value is not None} | (given[0] if given else {})
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": content["description"],
        "schema": schema,
    }
