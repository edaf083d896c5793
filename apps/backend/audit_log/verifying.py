"""Computing the chain of an organisation anew, entry by entry, and telling where it is broken.

What was changed, removed, put in or moved breaks the chain where it lies; an end that was cut off does not fit the
head. Somebody who may write to both tables can compute all digests anew after a change: only a digest that was noted
elsewhere shows that, so every verification returns the last one, and takes one that was noted before.

One page of entries is in memory at a time, and all of them are read as they were when the first was.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, cast, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from apps.backend.audit_log.appending import FIRST_DIGEST, chained
from apps.backend.audit_log.tables import audit_entries, audit_heads
from apps.backend.storage.database import Database

PAGE_ROWS = 500


@dataclass(frozen=True)
class Noted:
    """A digest that was noted elsewhere, and the entry whose it was."""

    sequence: int
    digest: bytes


@dataclass(frozen=True)
class Verification:
    """What was found. `entries`: that are stored; `broken_at`: the first place in the chain that does not fit, None
    where all do; `digest`: of the last entry that fits, as hexadecimal digits."""

    entries: int
    broken_at: int | None
    digest: str

    @property
    def intact(self) -> bool:
        """Whether the chain is whole."""
        return self.broken_at is None


async def verify(database: Database, organisation: str, noted: Noted | None = None) -> Verification:
    """Compute the chain of an organisation anew.

    Raises
    ------
    ProblemError
        503 the database does not answer.
    """
    async with database.reading() as connection:
        if database.kind == "postgresql":
            await connection.execution_options(isolation_level="REPEATABLE READ")
        return await verify_on(connection, organisation, noted)


async def verify_on(connection: AsyncConnection, organisation: str, noted: Noted | None = None) -> Verification:
    """As :func:`verify`, in the transaction of a connection."""
    head = await _head(connection, organisation)
    sequence, digest, stored, broken_at = 0, FIRST_DIGEST, 0, None
    async for page in _pages(connection, organisation):
        stored += len(page)
        for entry in page:
            if broken_at is not None:
                break
            if not _follows(entry, sequence, digest, organisation):
                broken_at = sequence + 1
                break
            sequence, digest = entry["sequence"], entry["digest"]
            if noted is not None and noted.sequence == sequence and noted.digest != digest:
                broken_at = sequence
    if broken_at is None and (head != (sequence, digest) or (noted is not None and noted.sequence > sequence)):
        broken_at = sequence + 1
    return Verification(stored, broken_at, digest.hex())


async def _head(connection: AsyncConnection, organisation: str) -> tuple[int, bytes]:
    query = select(type_coerce(audit_heads.c.sequence, NullType), type_coerce(audit_heads.c.digest, NullType))
    found: Any = (await connection.execute(query.where(audit_heads.c.organisation_id == organisation))).one_or_none()
    return (0, FIRST_DIGEST) if found is None else (found[0], found[1])


async def _pages(connection: AsyncConnection, organisation: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the entries in the order of their places; as they are stored, for somebody may have put anything there."""
    columns = [
        cast(column, Text).label(column.name) if column is audit_entries.c.about else _raw(column)
        for column in audit_entries.c
    ]
    where = audit_entries.c.organisation_id == organisation
    query = select(*columns).where(where).order_by(audit_entries.c.sequence).limit(PAGE_ROWS)
    rows = (await connection.execute(query)).mappings().all()
    while rows:
        yield [dict(row) for row in rows]
        if len(rows) < PAGE_ROWS:
            return
        later = query.where(audit_entries.c.sequence > type_coerce(rows[-1]["sequence"], NullType))
        rows = (await connection.execute(later)).mappings().all()


def _raw(column: Any) -> Any:
    return type_coerce(column, NullType).label(column.name)


def _follows(entry: dict[str, Any], sequence: int, digest: bytes, organisation: str) -> bool:
    """Tell whether an entry is the next of the chain, and holds what its digest says."""
    if entry["sequence"] != sequence + 1:
        return False
    try:
        content = {**entry, "about": json.loads(entry["about"])}
        return bool(chained(digest, organisation, content) == entry["digest"])
    except (TypeError, ValueError):
        return False  # of a kind that is never written here
