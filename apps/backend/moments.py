"""Moments as they are stored, microseconds since 1970 in UTC, and as clients read and write them, ISO 8601."""

import re
import time
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

MICROSECONDS = 1_000_000
WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[Tt ].+")


def _written(given: object) -> object:
    """Refuse numbers: of seconds or of milliseconds since 1970, nobody knows."""
    if isinstance(given, datetime) or (isinstance(given, str) and WRITTEN.fullmatch(given)):
        return given
    raise PydanticCustomError("moment", "Input should be a moment with a time zone, as 2026-01-31T12:00:00Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
"""As clients send it: RFC 3339 with a time zone, and never a number."""


def now() -> int:
    """Return the present moment in microseconds since 1970."""
    return time.time_ns() // 1000


def to_text(moment: int) -> str:
    """Return a moment as `2026-01-31T12:00:00.000000Z`."""
    seconds, rest = divmod(moment, MICROSECONDS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_datetime(moment: datetime) -> int:
    """Return a moment with its time zone in microseconds since 1970.

    Raises
    ------
    ValueError
        It has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone. Write it as 2026-01-31T12:00:00Z.")
    return round(moment.timestamp() * MICROSECONDS)
