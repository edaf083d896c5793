"""The id of a request: the client's own where it is harmless, else a new one; it goes on to every upstream."""

import os
import re
from contextvars import ContextVar

HEADER = "x-request-id"
HARMLESS = re.compile(r"[A-Za-z0-9._:-]{1,64}")
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)


def request_id_of(given: str | None) -> str:
    """Return the id that a client gave, if it is 1 to 64 letters, digits or any of `._:-`, else a new one."""
    return given if given is not None and HARMLESS.fullmatch(given) else os.urandom(16).hex()
