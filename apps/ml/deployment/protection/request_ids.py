"""The id of a request: the caller's own where it is harmless, else a new one."""

import random
import re

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
"""What a caller's id may look like: it is written into logs and headers."""

ID_BITS = 128


def request_id(given: bytes | None) -> str:
    """Return the text of `X-Request-ID` if it is 1 to 64 letters, digits or any of `._:-`, else a new id.

    A new id is 32 hexadecimal digits: unlike any other, and no secret (processes that are forked draw differently).
    """
    if given is not None and REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return f"{random.getrandbits(ID_BITS):032x}"
