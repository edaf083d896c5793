"""How errors become answers."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from apps.backend.observation.request_ids import REQUEST_ID
from apps.backend.problems import MEDIA_TYPE, Misfit, ProblemError

LOG = structlog.get_logger("backend")
MOST_MISFITS = 50
CODES = {400: "bad_request", 404: "no_such_path", 405: "method_not_allowed"}
REPAIRS = {
    404: "There is no such path. /openapi.json lists the paths of this server.",
    405: "This path does not answer this method. /openapi.json lists each path's methods.",
}


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem."""

    async def answer(_: Request, error: Exception) -> Response:
        return answer_to(error)

    for kind in (ProblemError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def answer_to(error: Exception) -> Response:
    """Return the answer to any error; one that is the server's own is logged under a number."""
    found = _problem_of(error)
    content = found.to_problem(REQUEST_ID.get()).model_dump_json()
    return Response(content, found.status.value, found.headers, MEDIA_TYPE)


def _problem_of(error: Exception) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        return _misfit(error.errors())
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        detail = REPAIRS.get(status, f"{status.phrase}. Mend the request.")
        return ProblemError(status, CODES.get(status, "refused"), detail, headers=error.headers)
    number = uuid4().hex
    # The text of foreign errors may hold values of people: kind and place are enough to find them.
    LOG.error("failure", number=number, kind=type(error).__name__, frames=_frames(error))
    detail = f"The server failed (error {number}). Give this number to its operator: the log holds the cause."
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)


def _misfit(errors: Sequence[Any]) -> ProblemError:
    """Say where a request does not fit, without what was sent."""
    if any(error["type"] == "json_invalid" for error in errors):
        return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_json", "The body is no JSON. Send one document.")
    misfits = [
        Misfit(location=".".join(str(part)[:100] for part in error["loc"])[:400], problem=str(error["msg"])[:300])
        for error in errors[:MOST_MISFITS]
    ]
    detail = "The request does not fit. Mend what `errors` lists."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, misfits)


def _frames(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_tb(error.__traceback__))
