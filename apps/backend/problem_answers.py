"""How errors become answers, and how the interface describes them."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any, get_args
from uuid import uuid4

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import core_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from apps.backend.observation.logs import frames_of
from apps.backend.problems import MEDIA_TYPE, Misfit, Problem, ProblemError, response_to

LOG = structlog.get_logger("backend")
MOST_MISFITS = 50
LEFT_OUT = "…"
PARAMETER = re.compile(r"\\\{[^/]*?\\\}")
CODES = {400: "bad_request", 404: "no_such_path", 405: "method_not_allowed", 413: "too_large"}
REPAIRS = {
    400: "The request cannot be read. Send what /openapi.json describes.",
    404: "There is no such path. /openapi.json lists the paths of this server.",
    405: "This path does not answer this method. /openapi.json lists each path's methods.",
}
FITTING = {
    "extra_forbidden": "This field is not known here.",
    "union_tag_invalid": "This is none of the kinds that are known here.",
    "uuid_parsing": "This is no UUID.",
    "url_parsing": "This is no address.",
}
"""What is said in place of messages that hold parts of what was sent."""

TEMPLATES = frozenset(get_args(core_schema.ErrorType))
"""Kinds of misfits whose messages are made of the schema alone, unless they carry another error."""

PLACES = frozenset(("body", "query", "path", "header", "cookie", "file"))
OF_PYDANTIC = "Value error, "
SHORTEST_ECHO = 4
MOST_LEAVES = 2_000
KNOWN_NEAR = 0.75


class Answers:
    """Makes problems of errors. `names`: of fields and parameters, which alone may stand in a location."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._names: frozenset[str] | None = None

    def to(self, error: Exception) -> Response:
        """Return the answer to any error; one that is the server's own is logged under a number."""
        return response_to(self._problem_of(error))

    def _problem_of(self, error: Exception) -> ProblemError:
        if isinstance(error, ProblemError):
            return error
        if isinstance(error, RequestValidationError):
            return _misfit(error.errors(), self._known_names())
        if isinstance(error, HTTPException):
            # FastAPI takes a refusal in the middle of a body for a body that it cannot read.
            cause = error.__cause__
            return cause if isinstance(cause, ProblemError) else _refused(error)
        return _failure(error)

    def allowed(self, path: str, told: str) -> str:
        """Return the methods that a path answers, and those that the framework told: it looks at one route alone, and
        a path has a route for each method.

        References: RFC 9110, section 10.2.1 (Allow).
        """
        found = {method.strip() for method in told.split(",") if method.strip()}
        for template, operations in self._app.openapi()["paths"].items():
            if re.fullmatch(PARAMETER.sub("[^/]+", re.escape(template)), path):
                found |= {method.upper() for method in operations}
        return ", ".join(sorted(found))

    def _known_names(self) -> frozenset[str]:
        if self._names is None:
            self._names = frozenset(names_of(self._app.openapi()))
        return self._names


def names_of(document: Any) -> set[str]:
    """Return the names of fields and parameters that an OpenAPI document holds, and the words that they choose from."""
    found: set[str] = set()
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            fields = part.get("properties")
            found |= set(fields) if isinstance(fields, dict) else set()
            choices = part.get("enum")
            found |= {choice for choice in choices if isinstance(choice, str)} if isinstance(choices, list) else set()
            if "in" in part and isinstance(part.get("name"), str):
                found.add(part["name"])
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem, and say so in its interface."""
    answers = Answers(app)

    async def answer(request: Request, error: Exception) -> Response:
        response = answers.to(error)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            told = response.headers.get("Allow", "")
            response.headers["Allow"] = answers.allowed(request.scope["path"], told)
        return response

    for kind in (ProblemError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = with_problems(described())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document in which every refusal is a problem, and every operation may refuse."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= own.pop("$defs", {}) | {"Problem": own}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            responses = operation["responses"]
            for status, response in responses.items():
                if status.startswith(("4", "5")):
                    response["content"] = content
            responses["default"] = {"description": "Any other refusal", "content": content}
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _refused(error: HTTPException) -> ProblemError:
    status = HTTPStatus(error.status_code)
    detail = REPAIRS.get(status, f"{status.phrase}. Mend the request.")
    return ProblemError(status, CODES.get(status, "refused"), detail, headers=error.headers)


def _failure(error: Exception) -> ProblemError:
    number = uuid4().hex
    # The text of foreign errors may hold values of people: kind and place are enough to find them.
    LOG.error("failure", number=number, kind=type(error).__name__, frames=frames_of(error))
    detail = f"The server failed (error {number}). Give this number to its operator: the log holds the cause."
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)


def _misfit(errors: Sequence[Any], names: frozenset[str]) -> ProblemError:
    """Say where a request does not fit, without what was sent."""
    if any(error["type"] == "json_invalid" for error in errors):
        return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_json", "The body is no JSON. Send one document.")
    misfits = [_one_misfit(error, names) for error in errors[:MOST_MISFITS]]
    detail = "The request does not fit. Mend what `errors` lists."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, misfits)


def _one_misfit(error: Any, names: frozenset[str]) -> Misfit:
    location = ".".join(_shown(part, names) for part in error["loc"])[:400]
    return Misfit(location=location, problem=_message(error, names), expected=_expected(error, names))


def _shown(part: object, names: frozenset[str]) -> str:
    """Return a part of a location; a name that only the caller uses is left out."""
    is_ours = isinstance(part, int) or part in PLACES or part in names
    return str(part) if is_ours else LEFT_OUT


def _message(error: Any, names: frozenset[str]) -> str:
    """Return what is wrong, in words that hold nothing of what was sent."""
    found = FITTING.get(error["type"])
    if found is not None:
        return found
    message = str(error["msg"]).removeprefix(OF_PYDANTIC)[:300]
    is_template = error["type"] in TEMPLATES and "error" not in error.get("ctx", {})
    return message if is_template or not _echoes(message, error.get("input"), names) else "This does not fit."


def _expected(error: Any, names: frozenset[str]) -> str | None:
    """For a field that is not known the nearest that is: that is what was meant, most of the time."""
    if error["type"] != "extra_forbidden" or not error["loc"]:
        return None
    near = get_close_matches(str(error["loc"][-1])[:100], names, n=1, cutoff=KNOWN_NEAR)
    return f"perhaps {near[0]}" if near else None


def _echoes(message: str, sent: object, names: frozenset[str]) -> bool:
    """Tell whether a message holds something that was sent and is no word of the interface; what is too large to be
    looked through counts as such."""
    waiting = [sent]
    for _ in range(MOST_LEAVES):
        if not waiting:
            return False
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple):
            waiting += part
        elif part not in names and _is_in(message, part):
            return True
    return True


def _is_in(message: str, part: object) -> bool:
    if isinstance(part, bool) or part is None:
        return False
    text = str(part)[:1000]
    return text in message if len(text) >= SHORTEST_ECHO else f"'{text}'" in message or f"`{text}`" in message
