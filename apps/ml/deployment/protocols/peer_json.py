"""JSON as peers' clients write it: strict but for `NaN`, with which Python's clients say that a number is missing."""

import re
from typing import Any

from apps.ml.deployment.requests.request_body import parse_json

STRING_OR_NAN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|NaN', re.DOTALL)
"""A string (to the end of the body where it is not closed, so that no byte is looked at twice) or the token."""


def parse_peer_json(body: bytes) -> Any:
    """Parse one JSON document in which `NaN` stands for null.

    Raises
    ------
    RefusalError
        400 for all else that is not JSON, Infinity among it.
    """
    if b"NaN" in body:
        body = STRING_OR_NAN.sub(_null_for_nan, body)
    return parse_json(body)


def _null_for_nan(match: "re.Match[bytes]") -> bytes:
    return b"null" if match[0] == b"NaN" else match[0]
