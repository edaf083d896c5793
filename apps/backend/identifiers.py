"""Names of rows: UUIDs of version 7, unlike any other and ordered by time.

What was made last is found by its name, so that names of one process grow with every one of them: also within a
millisecond, and where the clock is set back a little. Where it is set back further they follow it, for a name is never
far from its moment.

References: RFC 9562, section 5.7 and section 6.2, method 2 (monotonic random).
"""

import os
import threading
import time
from uuid import UUID

VERSION_7 = 7 << 76
VARIANT = 2 << 62
RANDOM_LOW_BITS = 62
RANDOM_BITS = 74
MOST_MILLISECONDS_BACK = 500
STEP_BITS = 48
LENGTH = 36


class _Growing:
    """The milliseconds and random bits of the last name, as one number."""

    def __init__(self) -> None:
        self._last = 0
        self._one_at_a_time = threading.Lock()

    def next(self) -> int:
        """Return a number above the one before, unless the clock went back."""
        drawn = int.from_bytes(os.urandom(10), "big") >> 6
        with self._one_at_a_time:
            now = time.time_ns() // 1_000_000
            ahead = (self._last >> RANDOM_BITS) - now
            follows_clock = ahead < 0 or ahead > MOST_MILLISECONDS_BACK
            step = 1 + (drawn >> (RANDOM_BITS - STEP_BITS))
            self._last = now << RANDOM_BITS | drawn if follows_clock else self._last + step
            return self._last


_NAMES = _Growing()


def new_id() -> str:
    """Return a new name above the one before; its bits beyond the moment are drawn by the operating system: 74, or the
    distance to the name before, 48, where that is of the same millisecond."""
    number = _NAMES.next()
    drawn = number & ((1 << RANDOM_BITS) - 1)
    high, low = drawn >> RANDOM_LOW_BITS, drawn & ((1 << RANDOM_LOW_BITS) - 1)
    return str(UUID(int=(number >> RANDOM_BITS) << 80 | VERSION_7 | high << 64 | VARIANT | low))


def is_id(text: str) -> bool:
    """Tell whether a text is written as :func:`new_id` writes names."""
    try:
        return len(text) == LENGTH and str(UUID(text)) == text
    except ValueError:
        return False
