"""`POST /v1/outcomes`: labels of predictions, late, again or corrected, one or many."""

import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.answering.call_log import CallLog, NoLog
from apps.ml.deployment.native.outcome_reports import LONGEST_SOURCE, outcome_entries
from apps.ml.deployment.native.routes import TURNED_AWAY
from apps.ml.deployment.requests.caller import Caller, caller_of
from apps.ml.deployment.requests.error_shape import ErrorAnswer, Shape
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.requests.request_body import is_json, not_json, receive_body, require_plain
from apps.ml.deployment.requests.thread_work import in_thread
from apps.ml.prediction_log.entries import OutcomeEntry
from apps.ml.prediction_log.journal import LogFullError

LINE_TYPES = ("application/jsonlines", "application/x-ndjson", "application/jsonl", "application/x-jsonlines")
INLINE_BYTES = 8_000
"""Bodies up to this size are taken where they arrive: handing them to a thread costs more."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    **TURNED_AWAY,
    400: {"model": ErrorAnswer, "description": "Empty body or invalid JSON"},
    404: {"model": ErrorAnswer, "description": "The server keeps no prediction log"},
    408: {"model": ErrorAnswer, "description": "The body did not arrive in time"},
    413: {"model": ErrorAnswer, "description": "Body too large or too many outcomes"},
    415: {"model": ErrorAnswer, "description": "Content type other than application/json or JSON lines"},
    422: {"model": ErrorAnswer, "description": "Outcomes that cannot be taken; none of the report was"},
    503: {"model": ErrorAnswer, "description": "The prediction log has no room, or too much is asked at once"},
}


class Accepted(Shape):
    """The labels are written down; those of unknown predictions too."""

    accepted: int = Field(description="How many outcomes were taken: all of the report.")


class Outcome(Shape):
    """One label of one prediction. `prediction_id` may stand for `id`, `outcome` for `label`."""

    id: str = Field(description="The id that came with the answer.", json_schema_extra={"format": "uuid"})
    label: float = Field(description="0 or 1 (1: the positive event came true), or the number that was predicted.")
    observed_at: str | None = Field(
        default=None, description="When the label was observed, RFC 3339.", json_schema_extra={"format": "date-time"}
    )
    source: str | None = Field(default=None, min_length=1, max_length=LONGEST_SOURCE, description="Who says so.")


class Outcomes(Shape):
    """Many labels; all are taken or none."""

    outcomes: list[Outcome] = Field(min_length=1)


class GroundTruthData(Shape):
    """A label as text."""

    data: str
    encoding: Literal["CSV", "JSON"]


class EventMetadata(Shape):
    """Names the prediction."""

    eventId: str  # noqa: N815 (the other side's name)


class GroundTruth(Shape):
    """A label in the form of Amazon SageMaker's ground truth; several as JSON lines."""

    groundTruthData: GroundTruthData  # noqa: N815
    eventMetadata: EventMetadata  # noqa: N815
    eventVersion: Literal["0"] = "0"  # noqa: N815


def outcome_routes(log: CallLog, limits: Limits) -> APIRouter:
    """Return the route that takes labels; they are in the journal before it answers."""
    router = APIRouter()

    @router.post(
        "/v1/outcomes",
        status_code=HTTPStatus.ACCEPTED,
        response_model=Accepted,
        responses=REFUSALS,
        operation_id="outcomes",
        openapi_extra={"requestBody": _request_body()},
    )
    async def outcomes(request: Request) -> Response:
        """Report what truly happened, late, again or corrected. The latest report of a prediction holds."""
        _require_kept(log)
        headers = dict(request.scope["headers"])
        require_plain(headers)
        lines = _is_lines(headers)
        if not lines and not is_json(headers):
            raise not_json()
        body = await receive_body(headers, request.receive, limits)
        caller = caller_of(request)
        if len(body) <= INLINE_BYTES:
            accepted = _take(body, lines, caller, log, limits)
        else:
            accepted = await in_thread(partial(_take, body, lines, caller, log, limits))
        return JSONResponse({"accepted": accepted}, status_code=HTTPStatus.ACCEPTED)

    return router


def _require_kept(log: CallLog) -> None:
    """A label that nobody keeps is not accepted."""
    if isinstance(log, NoLog):
        message = "This server keeps no prediction log. Start it without --no-log, or report labels to another."
        raise RefusalError(HTTPStatus.NOT_FOUND, "no_log", message)


def _take(body: bytes, lines: bool, caller: Caller, log: CallLog, limits: Limits) -> int:
    entries = outcome_entries(body, lines, limits, time.time_ns() // 1000, caller.key)
    try:
        _write(entries, log)
    except LogFullError:
        message = "The prediction log has no room for the whole report. Send it again later; what is repeated is fine."
        headers = {"Retry-After": "5"}
        raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "log_full", message, headers=headers) from None
    return len(entries)


def _write(entries: Sequence[OutcomeEntry], log: CallLog) -> None:
    for entry in entries:
        log.append(entry)


def _is_lines(headers: dict[bytes, bytes]) -> bool:
    content_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0]
    return content_type.strip().lower() in LINE_TYPES


def _request_body() -> dict[str, Any]:
    """The schemas stand where they are used: a body that is read by hand has no place among FastAPI's own."""
    forms = [_schema(form) for form in (Outcome, Outcomes, GroundTruth)]
    line = {"schema": {"type": "string", "description": "One outcome per line."}}
    lines = dict.fromkeys(LINE_TYPES, line)
    return {"required": True, "content": {"application/json": {"schema": {"anyOf": forms}}, **lines}}


def _schema(form: type[Shape]) -> dict[str, Any]:
    schema = form.model_json_schema()
    parts = schema.pop("$defs", {})
    return _inlined(schema, parts)


def _inlined(content: Any, parts: dict[str, Any]) -> Any:
    if isinstance(content, dict):
        if "$ref" in content:
            return _inlined(parts[content["$ref"].rpartition("/")[2]], parts)
        return {key: _inlined(value, parts) for key, value in content.items()}
    return [_inlined(value, parts) for value in content] if isinstance(content, list) else content
