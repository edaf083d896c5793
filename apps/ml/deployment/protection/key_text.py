"""The text of an API key: `fm_<id>_<secret>`, and the digest that is stored in its place.

A password is stored under a slow, salted hash because people choose passwords that can be guessed. The secret of a key
is 32 random bytes: nobody tries 2^256 of them, however fast one try is. So one SHA-256 is enough, and it can be
afforded for every request.

References: NIST SP 800-63B, section 5.1.2.2 (look-up secrets of 112 bits and more need no slow hash).
"""

import hashlib
import re
import secrets
from typing import Final

from apps.ml.deployment.requests.caller import EVERYTHING

SCOPES: Final = EVERYTHING
PREFIX: Final = "fm"
ID_BYTES: Final = 5
SECRET_BYTES: Final = 32
LONGEST_TEXT: Final = 128
"""Bytes; whatever is longer is no key and is not hashed."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of keys: they stand in the prediction log and in command lines."""


def new_id() -> str:
    """Return the public part of a new key: it tells an operator which key a text is, and opens nothing."""
    return secrets.token_hex(ID_BYTES)


def new_text(key_id: str) -> str:
    """Return the text of a new key, 256 bits of it secret."""
    return f"{PREFIX}_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def key_digest(text: bytes) -> bytes:
    """Return the 32 bytes that stand for a key's text in the database and in the ring."""
    return hashlib.sha256(text).digest()
