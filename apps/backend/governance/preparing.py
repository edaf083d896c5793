"""Making the items of a publication: its evidence is read, and what is not there yet is queued."""

import asyncio
import json
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.governance.items import Destination, Item, items_of
from apps.backend.governance.pauses import LEASE, next_try
from apps.backend.governance.settling import refuse, settle
from apps.backend.governance.tables import publication_items, publications
from apps.backend.identifiers import new_id
from apps.backend.identity.grants import require_granted
from apps.backend.models.documents import told_of
from apps.backend.models.evidence import EvidenceReader
from apps.backend.problems import ProblemError
from apps.backend.storage.database import Database
from apps.backend.upstreams.registry import Registry

LOG = structlog.get_logger("backend")
AT_ONCE = 5


class Preparing:
    """Makes items of publications."""

    def __init__(self, database: Database, registry: Registry, evidence: EvidenceReader) -> None:
        self._database, self._registry, self._evidence = database, registry, evidence

    async def prepare_due(self, now: int) -> None:
        """Make the items of the publications that are due at `now`, in microseconds since 1970."""
        query = select(publications).where(publications.c.state == "queued", publications.c.next_try_at <= now)
        async with self._database.reading() as connection:
            due = (await connection.execute(query.order_by(publications.c.next_try_at).limit(AT_ONCE))).all()
        for row in due:
            if await self._taken(row, now):
                await self._prepare(row)

    async def _prepare(self, row: Any) -> None:
        try:
            items = await self._items(row)
        except ProblemError as problem:
            await self._not_now(row, problem)
            return
        async with self._database.writing() as connection:
            for item in items:
                await _queue_item(connection, row, item)
            values = {"evidence": items[0].body["content"]["evidence"], "next_try_at": None, "problem": None}
            await connection.execute(publications.update().where(*_own(row)).values(values))
            await settle(connection, row.organisation_id)

    async def _items(self, row: Any) -> list[Item]:
        async with self._database.reading() as connection:
            await require_granted(connection, row.organisation_id, row.model)
        version = await self._registry.version(row.model, row.version)
        record = await self._evidence.record(row.model, row.version)
        documents = await told_of(self._registry, row.model, row.version)
        to = Destination(row.organisation_id, row.system_id, row.control_id, row.requested_by)
        return items_of(version, await asyncio.to_thread(json.loads, record.whole), documents, to)

    async def _not_now(self, row: Any, problem: ProblemError) -> None:
        async with self._database.writing() as connection:
            if problem.status < 500:
                await refuse(connection, row, problem.code)
                return
            LOG.warning("publication put off", publication=row.id, code=problem.code)
            values = {"problem": problem.code, "next_try_at": next_try(row.tries + 1)}
            await connection.execute(publications.update().where(*_own(row)).values(values))

    async def _taken(self, row: Any, now: int) -> bool:
        """Take a publication into this process's hands; of two at once, the second comes too late."""
        query = publications.update().where(*_own(row), publications.c.next_try_at <= now)
        values = {"next_try_at": now + LEASE, "tries": publications.c.tries + 1}
        async with self._database.writing() as connection:
            return (await connection.execute(query.values(values))).rowcount == 1


async def _queue_item(connection: AsyncConnection, row: Any, item: Item) -> None:
    """Queue an item if there is none of its name, due since it was asked for; one that was refused is tried again."""
    insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(publication_items)
    fresh = {"state": "queued", "tries": 0, "problem": None, "next_try_at": row.created_at, "ended_at": None}
    made = {
        "id": new_id(),
        "organisation_id": row.organisation_id,
        "name": item.name,
        "system_id": row.system_id,
        "control_id": row.control_id,
        "evidence": item.body["content"]["evidence"],
        "part": item.part,
        "body": item.body,
        "created_at": moments.now(),
        "may_be_there": False,
        **fresh,
    }
    await connection.execute(
        insert.values(made).on_conflict_do_update(
            index_elements=["organisation_id", "name"], set_=fresh, where=publication_items.c.state == "refused"
        )
    )


def _own(row: Any) -> tuple[Any, ...]:
    return (
        publications.c.organisation_id == row.organisation_id,
        publications.c.id == row.id,
        publications.c.state == "queued",
    )
