"""How errors become answers: one JSON shape, the right status, no values of people and no inside of the server.

::

    {"error": {"code": "…", "message": "…", "findings": [{"row", "column", "problem", "expected"}]}}
"""

import logging
import traceback
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.schemas import ErrorAnswer, ErrorBody, Misfit
from apps.ml.errors import FairMindError, Finding, RequestError, ServiceUnavailableError

LOGGER = logging.getLogger("fairmind.server")
CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
}
REPAIRS = {
    HTTPStatus.NOT_FOUND: "There is no such path. /openapi.json lists the paths of this server.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path does not answer this method. /openapi.json lists each path's methods.",
}


class RefusalError(RequestError):
    """A request is refused before or beside scoring, with an HTTP status and a code that programs can rely on."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        misfits: Sequence[Misfit] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.misfits = tuple(misfits)
        self.headers = headers


def install_refusals(app: FastAPI) -> None:
    """Answer every error of `app` in the one shape."""
    app.add_exception_handler(RefusalError, _answer_refusal)
    app.add_exception_handler(RequestError, _answer_misfit)
    app.add_exception_handler(FairMindError, _answer_known_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(Exception, _answer_unknown_error)


def refusal(
    status: int, code: str, message: str, misfits: Sequence[Misfit] = (), headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return an error in the one shape."""
    body = ErrorAnswer(error=ErrorBody(code=code, message=message, findings=list(misfits)))
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def misfit_of(finding: Finding) -> Misfit:
    """Turn a finding about a whole column into the shape of the answer."""
    return Misfit(row=None, column=finding.column, problem=finding.message, expected=finding.expected)


async def _answer_refusal(_: Request, error: Any) -> Response:
    return refusal(error.status, error.code, str(error), error.misfits, error.headers)


async def _answer_misfit(_: Request, error: Any) -> Response:
    misfits = [misfit_of(finding) for finding in error.findings]
    return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", str(error), misfits)


async def _answer_known_error(request: Request, error: Exception) -> Response:
    """A known error that is not the caller's doing: its text is for the operator and goes to the log alone."""
    number = _log_failure(request, error)
    if isinstance(error, ServiceUnavailableError):
        message = f"A service that this server needs does not answer (error {number}). Try again later."
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "service_unavailable", message)
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", _internal_message(number))


async def _answer_http_error(_: Request, error: Any) -> Response:
    status = HTTPStatus(error.status_code)
    code = CODES.get(status, "refused")
    return refusal(status, code, REPAIRS.get(status, f"{status.phrase}."), headers=error.headers)


async def _answer_nobody(_: Request, __: Exception) -> Response:
    """The caller hung up while sending: there is nobody to answer, and nothing to log as a fault."""
    return refusal(HTTPStatus.BAD_REQUEST, "incomplete_body", "The body ended early. Send the whole body.")


async def _answer_unknown_error(request: Request, error: Exception) -> Response:
    number = _log_failure(request, error)
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", _internal_message(number))


def _internal_message(number: str) -> str:
    return f"The server failed (error {number}). Give this number to its operator: the log holds the cause."


def _log_failure(request: Request, error: Exception) -> str:
    """Log where an error arose under a new number; the text of foreign errors may hold values and is left out."""
    number = uuid4().hex
    text = str(error) if isinstance(error, FairMindError) else "its text is withheld: it may hold values"
    frames = "".join(traceback.format_tb(error.__traceback__))
    LOGGER.error("error %s at %s: %s (%s)\n%s", number, request.url.path, type(error).__name__, text, frames)
    return number
