"""How many requests a caller may still make: a bucket that holds a minute's worth and fills all the time.

References: ITU-T I.371, annex A (generic cell rate algorithm, virtual scheduling).
"""

import math
import time
from collections.abc import Callable
from http import HTTPStatus

from apps.backend.identity.caller import Caller
from apps.backend.problems import ProblemError

MINUTE = 60.0
MOST_CALLERS = 10_000


class Rates:
    """A bucket per caller, in this process. `clock`: seconds from anywhere."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval, self._clock = MINUTE / per_minute, clock
        self._full_at: dict[str, float] = {}

    def take(self, caller: Caller) -> None:
        """Take a token of the caller.

        Raises
        ------
        ProblemError
            429 there is none; `Retry-After` says when there is one.
        """
        now = self._clock()
        full_at = max(now, self._full_at.get(caller.actor, now)) + self._interval
        wait = full_at - now - MINUTE
        if wait > 0:
            detail = "You ask too often. Wait for the seconds that Retry-After names."
            headers = {"Retry-After": str(max(1, math.ceil(wait)))}
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", detail, headers=headers)
        if len(self._full_at) >= MOST_CALLERS:
            self._full_at = {actor: full for actor, full in self._full_at.items() if full > now}
        self._full_at[caller.actor] = full_at
