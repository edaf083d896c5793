"""Writing decisions down: those that come at the same time share a transaction, with their entries of the audit log.

While one transaction is being written the next ones gather, and whoever's turn comes first writes all that gathered.
Transactions begin :data:`PACE_SECONDS` apart at least, so that under load many share one; alone, a decision is written
at once. Shared or not, nothing is answered before it is committed.

References: D. DeWitt and others, Implementation Techniques for Main Memory Database Systems, SIGMOD 1984
(group commit).
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.audit_log.appending import Deed, append_all
from apps.backend.decisions.tables import decisions
from apps.backend.problems import ProblemError, unavailable
from apps.backend.storage.database import Database

MOST_AT_ONCE = 100
PACE_SECONDS = 0.02


@dataclass(slots=True, eq=False)
class Entry:
    """What one request writes down. `row`: of the decision, None where there is none; `error`: why it was not
    written."""

    organisation: str
    deed: Deed
    row: dict[str, Any] | None = None
    is_done: bool = False
    error: Exception | None = None


class Book:
    """Where decisions are written down; to be used in one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Entry] = []
        self._turn = asyncio.Lock()
        self._began = -math.inf

    async def write(self, entry: Entry) -> None:
        """Return once the entry is committed.

        Raises
        ------
        ProblemError
            503 the database does not answer: the entry was not written.
        """
        self._waiting.append(entry)
        try:
            async with self._turn:
                while not entry.is_done:
                    await _whole(asyncio.create_task(self._write_waiting()))
        finally:
            if entry in self._waiting:  # cancelled before its turn came
                self._waiting.remove(entry)
        if entry.error is not None:
            raise entry.error

    async def _write_waiting(self) -> None:
        """Write what gathered, and say of each entry how that ended; it is never waiting any more."""
        taken: list[Entry] = []
        try:
            await self._keep_pace()
            async with self._database.writing() as connection:
                taken += self._take()
                await write_all(connection, taken)
        except ProblemError as problem:
            _end(taken or self._take(), problem)
        except Exception as error:  # noqa: BLE001 (it is raised to those to whom it belongs)
            await self._write_each(taken, error)
        except BaseException:
            _end(taken, unavailable("ending", "The server is about to end. Ask again."))
            raise
        else:
            _end(taken)

    async def _keep_pace(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._began + PACE_SECONDS:
            await asyncio.sleep(self._began + PACE_SECONDS - now)
        self._began = asyncio.get_running_loop().time()

    async def _write_each(self, taken: Sequence[Entry], error: Exception) -> None:
        """Write entries one by one after all together were refused: what is wrong with one is not the others' fault."""
        if len(taken) == 1:
            _end(taken, error)
            return
        for entry in taken:
            try:
                async with self._database.writing() as connection:
                    await write_all(connection, [entry])
            except Exception as own:  # noqa: BLE001 (it is raised to whom it belongs)
                _end([entry], own)
            else:
                _end([entry])

    def _take(self) -> list[Entry]:
        taken, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        return taken


async def write_all(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Write entries in this transaction: the rows in one query, the deeds in as many as there are organisations."""
    rows = [entry.row for entry in entries if entry.row is not None]
    if rows:
        await connection.execute(decisions.insert(), rows)
    whose = attrgetter("organisation")
    # In one order, so that two who write for several organisations never wait for each other.
    for organisation, own in groupby(sorted(entries, key=whose), key=whose):
        await append_all(connection, organisation, [entry.deed for entry in own])


async def _whole(writing: asyncio.Task[None]) -> None:
    """Wait for a transaction that others wait for too: whoever is cancelled meanwhile ends when it has ended."""
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await writing
        raise


def _end(entries: Sequence[Entry], error: Exception | None = None) -> None:
    for entry in entries:
        entry.is_done, entry.error = True, error
