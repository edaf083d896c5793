"""A circuit breaker: an upstream that failed again and again is not asked for a while, then by one request alone.

References: M. Nygard, Release It!, 2nd edition, 2018, chapter 5 (Circuit Breaker).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

State = Literal["closed", "open", "half-open"]
Errors = tuple[type[Exception], ...]


class OpenCircuitError(Exception):
    """The upstream is not asked now. `seconds`: until a request may try again, 0 where one tries just now."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the circuit is open for {seconds:.1f} s more. Ask again then.")
        self.seconds = seconds


class _Entry:
    """One request that was let through, in the time between two changes of the circuit."""

    def __init__(self, epoch: object) -> None:
        self.epoch = epoch


class CircuitBreaker:
    """Closed while the upstream answers; open for `open_seconds` after `failures` in a row; then one request tries.

    What requests meet that were let through before the circuit opened changes nothing any more: the one that tries
    decides. To be used in one event loop.
    """

    def __init__(
        self, failures: int = 5, open_seconds: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._open_seconds, self._clock = failures, open_seconds, clock
        self._failures = 0
        self._closed_at = 0.0
        self._epoch = object()
        self._trial: _Entry | None = None

    @property
    def state(self) -> State:
        """What the next request would meet."""
        if self._failures < self._most:
            return "closed"
        return "open" if self.wait() > 0 or self._trial is not None else "half-open"

    def wait(self) -> float:
        """Return the seconds until a request may try again; 0 where one may now."""
        return 0.0 if self._failures < self._most else max(0.0, self._closed_at - self._clock())

    @contextmanager
    def asking(self, failures: Errors, answers: Errors = ()) -> Iterator[None]:
        """Let one request through and learn from how the block ends.

        Parameters
        ----------
        failures
            Errors with which the upstream failed.
        answers
            Errors that are answers all the same, such as the refusal of a wrong request. Anything else that ends the
            block, a cancellation above all, tells nothing about the upstream.

        Raises
        ------
        OpenCircuitError
            The upstream is not asked now.
        """
        entry = self._enter()
        if entry is None:
            raise OpenCircuitError(self.wait())
        try:
            yield
        except failures:
            self._failed(entry)
            raise
        except answers:
            self._succeeded(entry)
            raise
        except BaseException:
            self._left(entry)
            raise
        self._succeeded(entry)

    def _enter(self) -> _Entry | None:
        state = self.state
        if state == "open":
            return None
        entry = _Entry(self._epoch)
        if state == "half-open":
            self._trial = entry
        return entry

    def _succeeded(self, entry: _Entry) -> None:
        if entry.epoch is self._epoch:
            self._failures = 0
            self._settle(entry)

    def _failed(self, entry: _Entry) -> None:
        if entry.epoch is self._epoch:
            self._failures += 1
            if self._failures >= self._most:
                self._closed_at = self._clock() + self._open_seconds
                self._epoch = object()
            self._settle(entry)

    def _left(self, entry: _Entry) -> None:
        if entry is self._trial:
            self._trial = None

    def _settle(self, entry: _Entry) -> None:
        """After a trial a new time begins, whatever it met."""
        if entry is self._trial:
            self._trial, self._epoch = None, object()
