"""How many requests may still be made: buckets that hold a minute's worth and fill all the time.

References: ITU-T I.371, annex A (generic cell rate algorithm, virtual scheduling).
"""

import math
import time
from collections.abc import Callable
from heapq import nlargest
from http import HTTPStatus

from apps.backend.identity.attempts import network_of
from apps.backend.identity.caller import Caller
from apps.backend.problems import ProblemError

MINUTE = 60.0
MOST_KEPT = 10_000


class Rates:
    """A bucket per caller, in this process. `clock`: seconds from anywhere."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = _Buckets(per_minute, clock)

    def take(self, caller: Caller) -> None:
        """Take a token of the caller.

        Raises
        ------
        ProblemError
            429 there is none; `Retry-After` says when there is one.
        """
        wait = self._buckets.take(caller.actor)
        if wait > 0:
            raise _too_many("You ask too often. Wait for the seconds that Retry-After names.", wait)


class Strangers:
    """A bucket per address for requests without a valid secret, in this process; of IPv6 per /64.

    A valid secret passes however many wrong ones came from its address: behind a proxy everybody has the same one.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = _Buckets(per_minute, clock)

    def refusal(self, address: str | None) -> ProblemError | None:
        """Take a token of the address (None: unknown), and return the refusal where there is none."""
        wait = self._buckets.take(network_of(address))
        if wait <= 0:
            return None
        detail = "Too many requests without a valid session or key come from your address. Wait, then show a valid one."
        return _too_many(detail, wait)


class _Buckets:
    """Where there are too many, those that are nearest to full are given up."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._interval, self._clock = MINUTE / per_minute, clock
        self._full_at: dict[str, float] = {}

    def take(self, key: str) -> float:
        """Take a token, or return the seconds until there is one."""
        now = self._clock()
        full_at = max(now, self._full_at.get(key, now)) + self._interval
        wait = full_at - now - max(MINUTE, self._interval)
        if wait > 0:
            return wait
        self._full_at[key] = full_at
        if len(self._full_at) > MOST_KEPT:
            emptiest = nlargest(MOST_KEPT // 2, self._full_at.items(), key=lambda item: item[1])
            self._full_at = {each: full for each, full in emptiest if full > now}
        return 0.0


def _too_many(detail: str, wait: float) -> ProblemError:
    headers = {"Retry-After": str(max(1, math.ceil(wait)))}
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", detail, headers=headers)
