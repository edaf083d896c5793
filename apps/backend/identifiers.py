"""Names of rows: UUIDs of version 7, unlike any other and ordered by time.

References: RFC 9562, section 5.7.
"""

import os
import time
from uuid import UUID

VERSION_7 = 7 << 76
VARIANT = 2 << 62
RANDOM_LOW_BITS = 62
LENGTH = 36


def new_id() -> str:
    """Return a new name; 74 of its bits are drawn by the operating system."""
    drawn = int.from_bytes(os.urandom(10), "big") >> 6
    high, low = drawn >> RANDOM_LOW_BITS, drawn & ((1 << RANDOM_LOW_BITS) - 1)
    return str(UUID(int=(time.time_ns() // 1_000_000) << 80 | VERSION_7 | high << 64 | VARIANT | low))


def is_id(text: str) -> bool:
    """Tell whether a text is written as :func:`new_id` writes names."""
    try:
        return len(text) == LENGTH and str(UUID(text)) == text
    except ValueError:
        return False
