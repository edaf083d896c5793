"""How routes may refuse, for the OpenAPI document."""

from typing import Any

from apps.ml.deployment.requests.error_shape import ErrorAnswer

DESCRIPTIONS = {
    400: "The body is empty or cannot be read",
    401: "No valid API key, where keys are required",
    403: "The API key lacks the scope",
    404: "There is no such thing; the code says which",
    408: "The body did not arrive in time",
    409: "The registry does not allow it; the message says why",
    412: "The champion is another than the request says",
    413: "The body is too large",
    415: "A content type that is not read",
    422: "The request does not fit",
    429: "Too many requests of this key; Retry-After says when to ask again",
    500: "The service failed, or the store does not hold what was published (`damaged`); the message says more",
    503: "A service that is needed does not answer, or too much is asked at once; Retry-After says when to ask again",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route behind the door: 401, 403, 422, 429, 500, 503 and `statuses`."""
    every = sorted({401, 403, 422, 429, 500, 503, *statuses})
    return {status: {"model": ErrorAnswer, "description": DESCRIPTIONS[status]} for status in every}
