"""When to ask again, for how long, and what the end of a try means. No network in sight."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from apps.ml.deployment.client.settings import Clock, Retries, Timeouts

LATER = frozenset((429, 503))
"""Statuses with which a server asks to come again."""

SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """No whole answer, and why."""

    reason: str


End = Reply | Lost
"""What a try ended with."""


@dataclass(frozen=True, slots=True)
class TryLimits:
    """Moments of the clock: when the try began, by when it is connected, by when its answer is whole."""

    began: float
    connected: float
    answered: float


class Tries:
    """The tries of one call, one after the other; none of them, and no pause, reaches beyond the call's deadline."""

    def __init__(self, timeouts: Timeouts, retries: Retries, clock: Clock) -> None:
        self._timeouts, self._retries, self._clock = timeouts, retries, clock
        self._began = clock.now()
        self._deadline = self._began + timeouts.total
        self.made = 0

    @property
    def seconds(self) -> float:
        """Seconds since the call began."""
        return self._clock.now() - self._began

    def begin(self) -> TryLimits:
        """Count one more try and return its limits."""
        self.made += 1
        now = self._clock.now()
        answered = min(now + self._timeouts.answer, self._deadline)
        return TryLimits(now, min(now + self._timeouts.connect, answered), answered)

    def pause(self, end: End) -> float | None:
        """Return the seconds to wait before the next try; None where there is none to be made."""
        later = isinstance(end, Lost) or end.status in LATER
        if not later or self.made >= self._retries.tries:
            return None
        ceiling = min(self._retries.longest_pause, self._retries.first_pause * 2 ** (self.made - 1))
        pause = (self.retry_after(end) or 0.0) + self._clock.draw(0.0, ceiling)
        return pause if self._clock.now() + pause < self._deadline else None

    def retry_after(self, end: End) -> float | None:
        """Return the seconds that the server named in `Retry-After`, which may be a number or a date.

        References: RFC 9110, section 10.2.3. A date is compared with the server's own `Date`, so that the two clocks
        need not agree.
        """
        if isinstance(end, Lost):
            return None
        text = end.headers.get("retry-after", "").strip()
        if SECONDS.fullmatch(text):
            return float(text)
        then = _moment(text)
        if then is None:
            return None
        now = _moment(end.headers.get("date", ""))
        return max(0.0, then - (self._clock.wall() if now is None else now))


def _moment(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date; None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
