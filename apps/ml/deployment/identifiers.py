"""Names for single predictions: unique everywhere, ordered by time, made without asking anybody.

References: RFC 9562, section 5.7 (UUID version 7).
"""

import os
import time
from uuid import UUID

VERSION_7 = 7 << 76
VARIANT = 2 << 62
RANDOM_HIGH_BITS = 12
RANDOM_LOW_BITS = 62


def prediction_id(milliseconds: int | None = None) -> str:
    """Return a UUID of version 7: 48 bits of milliseconds since 1970 (None: now), then 74 random bits."""
    instant = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    random = int.from_bytes(os.urandom(10), "big")
    high = random >> (80 - RANDOM_HIGH_BITS)
    low = random & ((1 << RANDOM_LOW_BITS) - 1)
    return str(UUID(int=(instant << 80) | VERSION_7 | (high << 64) | VARIANT | low))
