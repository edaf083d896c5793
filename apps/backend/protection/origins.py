"""Pages of other origins whose browsers may ask; none unless the operator names them.

References: Fetch standard, section 3.2 (CORS protocol).
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from apps.backend.problems import ProblemError, response_to

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID")
ANSWER_HEADERS = ("Content-Disposition", "ETag", "Location", "Retry-After", "X-Request-ID")


class Origins(CORSMiddleware):
    """Starlette's, for exactly the named origins and without cookies; it refuses as everything here does."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer the question that a browser asks before the request of a page."""
        response = super().preflight_response(request_headers)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        detail = "This origin, method or header may not be used from a page. The operator names origins that may."
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return response_to(ProblemError(HTTPStatus.BAD_REQUEST, "origin_refused", detail, headers=headers))
