"""A circuit breaker: an upstream that failed again and again is not asked for a while, then by one request alone.

References: M. Nygard, Release It!, 2nd edition, 2018, chapter 5 (Circuit Breaker).
"""

import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half-open"]


class CircuitBreaker:
    """Closed while the upstream answers; open for `open_seconds` after `failures` in a row; then one request tries.

    To be used in one event loop.
    """

    def __init__(
        self, failures: int = 5, open_seconds: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._open_seconds, self._clock = failures, open_seconds, clock
        self._failures = 0
        self._closed_at = 0.0
        self._is_trying = False

    @property
    def state(self) -> State:
        """What the next request would meet."""
        if self._failures < self._most:
            return "closed"
        return "open" if self.wait() > 0 or self._is_trying else "half-open"

    def wait(self) -> float:
        """Return the seconds until a request may try again; 0 where one may now."""
        return 0.0 if self._failures < self._most else max(0.0, self._closed_at - self._clock())

    def enter(self) -> bool:
        """Tell whether a request may be made; :meth:`succeeded`, :meth:`failed` or :meth:`left` must follow it."""
        state = self.state
        if state == "half-open":
            self._is_trying = True
        return state != "open"

    def succeeded(self) -> None:
        """The upstream answered."""
        self._failures, self._is_trying = 0, False

    def failed(self) -> None:
        """The upstream did not answer, or not as it should."""
        self._failures += 1
        self._is_trying = False
        if self._failures >= self._most:
            self._closed_at = self._clock() + self._open_seconds

    def left(self) -> None:
        """The request ended without telling anything about the upstream."""
        self._is_trying = False
