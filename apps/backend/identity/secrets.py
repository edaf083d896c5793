"""Secrets of sessions and service keys: drawn here, shown once, kept as digests alone."""

import hashlib
import secrets

SESSION_PREFIX = "fms_"
KEY_PREFIX = "fmk_"
SECRET_BYTES = 32
LONGEST = 200


def new_secret(prefix: str) -> str:
    """Return a new secret: 256 bits behind a prefix that says what it is."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def digest_of(secret: str) -> bytes:
    """Return what is stored of a secret: one digest is enough, for nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
