"""Audit logs that tests write, and the ways in which whoever owns the database may alter them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import FIRST_DIGEST, append, chained
from apps.backend.audit_log.tables import audit_entries, audit_heads
from apps.backend.every_table import organisations
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.storage.database import Database


async def new_caller(database: Database) -> Caller:
    """Make an organisation and return a caller of it."""
    organisation = new_id()
    async with database.writing() as connection:
        row = {"id": organisation, "name": organisation, "created_at": moments.now()}
        await connection.execute(organisations.insert(), row)
    return Caller(organisation, "key:1", "key", "admin")


async def write_entries(database: Database, caller: Caller, number: int) -> None:
    """Append entries, each in a transaction of its own."""
    for count in range(number):
        async with database.writing() as connection:
            about = {"count": count, "share": count / 7, "words": ["é", "\U0001f600"], "none": None}
            await append(connection, caller, "thing.done", f"thing:{count}", about)


async def store_chain(database: Database, caller: Caller, number: int) -> None:
    """Store a whole chain in one transaction, as `append` would have made it."""
    digest, entries = FIRST_DIGEST, []
    async with database.writing() as connection:
        row = {"organisation_id": caller.organisation, "sequence": 0, "digest": digest}
        await connection.execute(audit_heads.insert(), row)
        for sequence in range(1, number + 1):
            entry = {"id": new_id(), "sequence": sequence, "at": moments.now(), "actor": "key:1", "action": "a.done",
                     "target": f"thing:{sequence}", "request_id": None, "about": {"count": sequence}}  # fmt: skip
            digest = chained(digest, caller.organisation, entry)
            entries.append({**entry, "organisation_id": caller.organisation, "digest": digest})
            if len(entries) == 5000 or sequence == number:
                await connection.execute(audit_entries.insert(), entries)
                entries = []
    head = audit_heads.update().where(audit_heads.c.organisation_id == caller.organisation)
    await forge(database, "audit_heads", head.values(sequence=number, digest=digest))


@asynccontextmanager
async def unguarded(database: Database, table: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction in which a table has no triggers, as whoever owns the database can have it."""
    async with database.writing() as connection:
        if database.kind == "postgresql":
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
            return
        query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")
        triggers = (await connection.execute(query, {"table": table})).all()
        for name, _ in triggers:
            await connection.execute(text(f"DROP TRIGGER {name}"))
        yield connection
        for _, made in triggers:
            await connection.exec_driver_sql(made)


async def forge(database: Database, table: str, statement: Any) -> None:
    """Change a table behind its triggers."""
    async with unguarded(database, table) as connection:
        await connection.execute(statement)
