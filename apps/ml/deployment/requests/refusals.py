"""How errors become answers: one JSON shape, the right status, no values of people and no inside of the server.

::

    {"error": {"code": "…", "message": "…", "findings": [{"row", "column", "problem", "expected"}]}}
"""

import traceback
from collections.abc import Callable, Sequence
from http import HTTPStatus
from uuid import uuid4

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.requests.caller import caller_of
from apps.ml.deployment.requests.error_shape import ErrorAnswer, ErrorBody, Misfit
from apps.ml.errors import FairMindError, Finding, RequestError, ServiceUnavailableError

Reshape = Callable[[str, Response], Response]
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


def install_refusals(app: FastAPI, reshape: Reshape = lambda _, answer: answer) -> None:
    """Answer every error of `app` in the one shape; `reshape` puts it into that of the protocol that a path speaks."""

    async def answer(request: Request, error: Exception) -> Response:
        # Without the prefix of a proxy, by which no protocol would be told.
        path = str(request.scope["path"]).removeprefix(request.scope.get("root_path", ""))
        return reshape(path, answer_to(error, path, caller_of(request).request))

    for kind in (FairMindError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, answer)


def answer_to(error: Exception, path: str, request: str | None = None) -> JSONResponse:
    """Return the answer to any error; one that is the server's own is logged under a number.

    `request`: the id of the request, for the log.
    """
    if isinstance(error, RefusalError):
        return refusal(error.status, error.code, str(error), error.misfits, error.headers)
    if isinstance(error, RequestError):
        misfits = [misfit_of(finding) for finding in error.findings]
        return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", str(error), misfits)
    if isinstance(error, ClientDisconnect):
        # There is nobody to answer, and nothing to log as a fault.
        return refusal(HTTPStatus.BAD_REQUEST, "incomplete_body", "The body ended early. Send the whole body.")
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        message = REPAIRS.get(status, f"{status.phrase}.")
        return refusal(status, CODES.get(status, "refused"), message, headers=dict(error.headers or {}))
    return _answer_failure(error, path, request)


def refusal(
    status: int, code: str, message: str, misfits: Sequence[Misfit] = (), headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return an error in the one shape."""
    body = ErrorAnswer(error=ErrorBody(code=code, message=message, findings=list(misfits)))
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def misfit_of(finding: Finding) -> Misfit:
    """Turn a finding about a whole column into the shape of the answer."""
    return Misfit(row=None, column=finding.column, problem=finding.message, expected=finding.expected)


def _answer_failure(error: Exception, path: str, request: str | None) -> JSONResponse:
    """An error that is not the caller's doing: its text is for the operator and goes to the log alone."""
    number = _log_failure(error, path, request)
    if isinstance(error, ServiceUnavailableError):
        message = f"A service that this server needs does not answer (error {number}). Try again later."
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "service_unavailable", message)
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", _internal_message(number))


def _internal_message(number: str) -> str:
    return f"The server failed (error {number}). Give this number to its operator: the log holds the cause."


def _log_failure(error: Exception, path: str, request: str | None) -> str:
    """Log where an error arose under a new number; the text of foreign errors may hold values and is left out."""
    number = uuid4().hex
    text = str(error) if isinstance(error, FairMindError) else "its text is withheld: it may hold values"
    frames = "".join(traceback.format_tb(error.__traceback__))
    kind = type(error).__name__
    LOGGER.error("failure", number=number, path=path, request=request, kind=kind, text=text, frames=frames)
    return number
