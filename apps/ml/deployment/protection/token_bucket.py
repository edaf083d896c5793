"""How many requests may still come: a bucket that holds a minute's worth and fills all the time.

References: ITU-T I.371, annex A (generic cell rate algorithm, in its virtual scheduling form: one number per bucket).
"""

import math
import threading
import time
from collections.abc import Callable

SECONDS_PER_MINUTE = 60.0
ROUNDING_SECONDS = 1e-6
"""Sums of float seconds are off by less than this; without it the last token of a full bucket could be refused."""


class TokenBucket:
    """Starts full with a minute's worth of tokens (one at least); safe to use from several threads.

    At most `per_minute` requests pass at once, and at most twice as many in any minute: a full bucket and what flows
    in.
    """

    __slots__ = ("_clock", "_full_at", "_interval", "_lock", "_span", "per_minute")

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._interval = SECONDS_PER_MINUTE / per_minute
        self._span = max(SECONDS_PER_MINUTE, self._interval) + ROUNDING_SECONDS
        self._full_at = -math.inf
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take a token and return 0, or return the seconds until there is one; then nothing was taken."""
        now = self._clock()
        with self._lock:
            full_at = self._full_at
            full_at = (now if now > full_at else full_at) + self._interval
            wait = full_at - now - self._span
            if wait > 0.0:
                return wait
            self._full_at = full_at
            return 0.0


def whole_seconds(wait: float) -> str:
    """Return a wait as the value of `Retry-After`: rounded up, one second at least."""
    return str(max(1, math.ceil(wait)))
