"""What every answer says about itself.

`Strict-Transport-Security` must not be sent over plain HTTP, and a browser that once heard it refuses plain HTTP for a
year, so it is sent only where the operator says that clients come by HTTPS.

References: OWASP REST Security Cheat Sheet, section Security Headers; RFC 6797, section 7.2.
"""

SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
STRICT_TRANSPORT = ("strict-transport-security", "max-age=31536000")


def security_headers(https: bool) -> list[tuple[str, str]]:
    """Return the headers of every answer; `https`: clients reach this server by HTTPS alone."""
    return [*SECURITY_HEADERS.items(), *([STRICT_TRANSPORT] if https else [])]
