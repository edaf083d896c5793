"""What every answer says about itself.

`Strict-Transport-Security` must not be sent over plain HTTP, and a browser that once heard it refuses plain HTTP for a
year, so it is sent only where the operator says that clients come by HTTPS. `Server` is never sent: it tells versions
to whoever looks for holes in them.

References: OWASP REST Security Cheat Sheet, section Security Headers; RFC 6797, section 7.2.
"""

from collections.abc import Iterable, Sequence

Headers = list[tuple[bytes, bytes]]

REQUEST_ID_HEADER = b"x-request-id"
SECURITY_HEADERS: Headers = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
STRICT_TRANSPORT: tuple[bytes, bytes] = (b"strict-transport-security", b"max-age=31536000")


def security_headers(https: bool) -> Headers:
    """Return the headers of every answer; `https`: clients reach this server by HTTPS alone."""
    return [*SECURITY_HEADERS, STRICT_TRANSPORT] if https else list(SECURITY_HEADERS)


def answer_headers(security: Sequence[tuple[bytes, bytes]], request: str) -> Headers:
    """Return the headers of one answer; `request` is the id that the door gave or took over."""
    return [*security, (REQUEST_ID_HEADER, request.encode("ascii"))]


def completed(own: Iterable[tuple[bytes, bytes]], others: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return `own` headers and those of `others` that they do not name."""
    headers = list(own)
    named = {name.lower() for name, _ in headers}
    return headers + [header for header in others if header[0] not in named]
