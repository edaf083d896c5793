"""Whether the backend can do its work: the database answers and has the tables that this code reads.

Upstreams are told as notes: while one is away, whatever does not need it goes on.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from apps.backend.observation import metrics
from apps.backend.parts import Parts
from apps.backend.problems import ProblemError
from apps.backend.storage.schema import is_current
from apps.backend.upstreams.breaker import CircuitBreaker, State

LOG = structlog.get_logger("backend")
PATIENCE_SECONDS = 3.0
REMEMBERED_SECONDS = 1.0

DatabaseState = Literal["current", "old", "away"]
"""`old`: it answers, and its tables are those of another version."""


@dataclass
class Readiness:
    """Looks at the database at most once a second, however often it is asked."""

    parts: Parts
    _found: DatabaseState = "away"
    _until: float = 0.0
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def database(self) -> DatabaseState:
        """Return how the database is."""
        async with self._looking:
            if time.monotonic() >= self._until:
                self._found = await self._look()
                self._until = time.monotonic() + REMEMBERED_SECONDS
        return self._found

    async def _look(self) -> DatabaseState:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return "current" if await is_current(self.parts.database) else "old"
        except (ProblemError, SQLAlchemyError, TimeoutError) as error:
            LOG.warning("database away", kind=type(error).__name__)
            return "away"


def breakers(parts: Parts) -> dict[str, State]:
    """Return the state of every upstream's breaker, by the upstream's name."""
    found = {name: getattr(part, "breaker", None) for name, part in vars(parts).items()}
    return {name: breaker.state for name, breaker in found.items() if isinstance(breaker, CircuitBreaker)}


def set_gauges(parts: Parts, database: DatabaseState, in_flight: int) -> None:
    """Bring the numbers up to date that are read and not counted."""
    metrics.ready(database == "current")
    metrics.requests_in_flight(in_flight)
    for name, state in breakers(parts).items():
        metrics.breaker(name, state)
    pool = parts.database.engine.pool
    if isinstance(pool, QueuePool):
        metrics.database_connections(pool.checkedout(), pool.checkedin())
