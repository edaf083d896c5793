"""How many requests may still come: a bucket that holds a minute's worth and fills all the time.

References: ITU-T I.371, annex A (generic cell rate algorithm, in its virtual scheduling form: one number per bucket).
"""

import math
import threading
import time
from collections.abc import Callable

NANOSECONDS = 1_000_000_000
MINUTE = 60 * NANOSECONDS


class TokenBucket:
    """Starts full with a minute's worth of whole tokens, one at least; safe to use from several threads.

    At most `per_minute` requests pass at once, and at most twice as many in any minute: a full bucket and what flows
    in. Whole nanoseconds are counted, so that a bucket never holds one token more or less by rounding.
    """

    __slots__ = ("_clock", "_full_at", "_interval", "_lock", "_span", "per_minute")

    def __init__(self, per_minute: float, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._interval = math.ceil(MINUTE / per_minute)
        self._span = max(1, math.floor(per_minute)) * self._interval
        self._full_at = clock()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take a token and return 0, or return the seconds until there is one; then nothing was taken."""
        now = self._clock()
        with self._lock:
            full_at = self._full_at
            full_at = (now if now > full_at else full_at) + self._interval
            wait = full_at - now - self._span
            if wait > 0:
                return wait / NANOSECONDS
            self._full_at = full_at
            return 0.0


def whole_seconds(wait: float) -> str:
    """Return a wait as the value of `Retry-After`: rounded up, one second at least."""
    return str(max(1, math.ceil(wait)))
