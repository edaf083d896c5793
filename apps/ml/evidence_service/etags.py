"""Answers that a caller may already hold, and changes that depend on what is there.

References: RFC 9110, sections 8.8.3 (ETag), 13.1.1 (If-Match) and 13.1.2 (If-None-Match, weak comparison).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
ANY = "*"
REVALIDATED = {"Cache-Control": "private, no-cache"}
"""A copy may be kept by the caller and is asked about each time: a version's files could be restored or damaged."""


@dataclass(frozen=True)
class Expected:
    """What a request says of the present state, by tags; None: nothing."""

    match: Sequence[str] | None = None
    none_match: Sequence[str] | None = None

    def holds(self, present: str | None) -> bool:
        """Tell whether the state with this tag (None: there is none) is one that the request is meant for."""
        is_there = present is not None
        matches = self.match is None or (is_there and (ANY in self.match or present in self.match))
        is_other = self.none_match is None or not (is_there and (ANY in self.none_match or present in self.none_match))
        return matches and is_other


def expected_of(request: Request) -> Expected:
    """Return what If-Match and If-None-Match say."""
    return Expected(*(_tags(request, header) for header in ("if-match", "if-none-match")))


def is_held(request: Request, tag: str) -> bool:
    """Tell whether the caller says that it holds what bears `tag`."""
    given = _tags(request, "if-none-match") or ()
    return ANY in given or tag in given


def _tags(request: Request, header: str) -> list[str] | None:
    """Return the tags of a header, `*` for any; None where it is not there."""
    given = request.headers.getlist(header)
    if not given:
        return None
    return [ANY] if any(each.strip() == ANY for each in given) else TAG.findall(",".join(given))


def tagged(request: Request, tag: str, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    """Return the content with its tag, or 304 without it where the caller holds it."""
    about = {"ETag": f'"{tag}"', **REVALIDATED}
    if is_held(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=about)
    return Response(content, media_type=media_type, headers={**about, **headers})
