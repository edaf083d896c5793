"""How requests are refused: one shape, the right status, the act that repairs it, and no values of people.

References: RFC 9457 (problem details for HTTP APIs).
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from apps.backend.observation.request_ids import REQUEST_ID

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:fairmind:problem:"


class Misfit(BaseModel):
    """One thing about a request that does not fit. `location`: where, as `body.instances.0.age` or `query.limit`."""

    model_config = ConfigDict(frozen=True)

    location: str
    problem: str
    expected: str | None = None


class Problem(BaseModel):
    """A refusal as clients get it. `code` is what programs rely on; `type` is the same as an address."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = None
    errors: list[Misfit] = []


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        errors: Sequence[Misfit] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})

    def to_problem(self, request_id: str | None) -> Problem:
        """Return the body of the answer."""
        return Problem(
            type=TYPE_PREFIX + self.code,
            title=self.status.phrase,
            status=self.status.value,
            detail=self.detail,
            code=self.code,
            request_id=request_id,
            errors=list(self.errors),
        )


def response_to(problem: ProblemError) -> Response:
    """Return the answer that a problem is."""
    content = problem.to_problem(REQUEST_ID.get()).model_dump_json()
    return Response(content, problem.status.value, problem.headers, MEDIA_TYPE)


def not_found(what: str) -> ProblemError:
    """Return the refusal of something that is not there, or that is another organisation's: the same words for both."""
    return ProblemError(
        HTTPStatus.NOT_FOUND, "not_found", f"There is no such {what} in your organisation. List what there is first."
    )


def unavailable(code: str, detail: str, retry_after: float | None = None) -> ProblemError:
    """Return the refusal of a request that can be made again later; `retry_after` in seconds, 5 where none is known."""
    seconds = max(1, round(5.0 if retry_after is None else retry_after))
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, code, detail, headers={"Retry-After": str(seconds)})


_DESCRIPTIONS = {
    400: "The request cannot be read",
    401: "No valid session or key",
    403: "The role does not allow it",
    404: "There is no such thing in the caller's organisation",
    409: "It is in another state than this needs",
    413: "Too large",
    415: "A media type that is not read",
    422: "The request does not fit",
    429: "Too many requests; Retry-After says when to ask again",
    503: "A service that is needed does not answer; Retry-After says when to ask again",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that needs a caller: 401, 403, 422, 429, 503 and `statuses`."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"model": Problem, "description": _DESCRIPTIONS[status], "content": content}
        for status in sorted({401, 403, 422, 429, 503, *statuses})
    }
