"""Errors in the shape that the clients of each protocol look for."""

import json
import re
from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

from apps.ml.deployment.requests.refusals import answer_to
from apps.ml.errors import RequestError

MLFLOW_CODES = {
    HTTPStatus.BAD_REQUEST: "BAD_REQUEST",
    HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED",
    HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
    HTTPStatus.NOT_FOUND: "RESOURCE_DOES_NOT_EXIST",
    HTTPStatus.REQUEST_TIMEOUT: "DEADLINE_EXCEEDED",
    HTTPStatus.UNPROCESSABLE_ENTITY: "INVALID_PARAMETER_VALUE",
    HTTPStatus.TOO_MANY_REQUESTS: "RESOURCE_EXHAUSTED",
    HTTPStatus.INTERNAL_SERVER_ERROR: "INTERNAL_ERROR",
    HTTPStatus.SERVICE_UNAVAILABLE: "TEMPORARILY_UNAVAILABLE",
}
"""MLflow's names of errors (`mlflow.exceptions.ERROR_CODE_TO_HTTP_STATUS`) by the status that they are sent with."""

MLFLOW_PATHS = re.compile(r"/(?:ping|health|version|invocations|endpoints/[^/]+/invocations)/?")
INFERENCE_PATHS = re.compile(r"/v2(?:/.*)?|/v1/models/[^/]+/?", re.DOTALL)
"""Paths of the Open Inference Protocol and of KServe v1, which have one shape; `/v1/models` itself is native."""

Shape = Callable[[HTTPStatus, str], dict[str, str]]


def error_answer(path: str, refusal: RequestError) -> Response | None:
    """Return the answer to a refused request in the shape of the protocol that `path` belongs to.

    Returns
    -------
    response or None
        None where the path is none of a peer's protocol: the native shape holds.
    """
    return None if _shape_of(path) is None else reshaped(path, answer_to(refusal, path))


def reshaped(path: str, answer: Response) -> Response:
    """Return a native error, whoever made it, in the shape of the protocol that `path` belongs to.

    Parameters
    ----------
    answer
        `{"error": {"code", "message", "findings"}}`; it is returned itself where the path is native.
    """
    shape = _shape_of(path)
    if shape is None:
        return answer
    status = HTTPStatus(answer.status_code)
    content = shape(status, json.loads(bytes(answer.body))["error"]["message"])
    kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
    return JSONResponse(content, status_code=status, headers=kept)


def _shape_of(path: str) -> Shape | None:
    if MLFLOW_PATHS.fullmatch(path):
        return _mlflow_shape
    return _inference_shape if INFERENCE_PATHS.fullmatch(path) else None


def _mlflow_shape(status: HTTPStatus, message: str) -> dict[str, str]:
    other = "BAD_REQUEST" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "INTERNAL_ERROR"
    return {"error_code": MLFLOW_CODES.get(status, other), "message": message}


def _inference_shape(_: HTTPStatus, message: str) -> dict[str, str]:
    return {"error": message}
