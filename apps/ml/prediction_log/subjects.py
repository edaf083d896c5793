"""Names of people and cases, kept as digests only: enough to find a person's rows, not enough to name the person."""

import hashlib
import os

PEPPER_VARIABLE = "FAIRMIND_SUBJECT_PEPPER"
"""A secret that makes digests of guessable names unguessable; it must stay the same for a person's rows to be found."""

DIGEST_BYTES = 16


def subject_digest(name: str | None) -> str | None:
    """Return the digest, 32 hexadecimal digits, of a subject's name; None for None.

    References: RFC 7693 (BLAKE2, keyed).
    """
    if name is None:
        return None
    pepper = os.environ.get(PEPPER_VARIABLE, "").encode()[: hashlib.blake2b.MAX_KEY_SIZE]
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES, key=pepper).hexdigest()
