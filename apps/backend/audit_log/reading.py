"""Reading the audit log: pages, the newest first, with filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.tables import (
    LONGEST_ACTION,
    LONGEST_ACTOR,
    LONGEST_TARGET,
    audit_entries,
)
from apps.backend.storage.pages import Page

ActorFilter = Annotated[
    str | None, Query(max_length=LONGEST_ACTOR, description="Who did it: `user:<id>`, `key:<id>` or `operator`.")
]
ActionFilter = Annotated[str | None, Query(max_length=LONGEST_ACTION, description="What was done: `decision.made`.")]
TargetFilter = Annotated[
    str | None, Query(max_length=LONGEST_TARGET, description="What it was done to: `decision:<id>`.")
]
Since = Annotated[moments.Moment | None, Query(description="From this moment on.")]
Until = Annotated[moments.Moment | None, Query(description="Before this moment.")]
SequenceCursor = Annotated[
    str | None,
    Query(
        max_length=18,
        pattern="^[0-9]{1,18}$",
        description="`next_cursor` of the page before; without it the first page.",
    ),
]


class AuditEntry(BaseModel):
    """One act. `sequence`: its place in the organisation's log, from 1 on without a gap; `about`: facts about the act,
    never values of people; `digest`: binds it to the entry before, as hexadecimal digits."""

    id: str
    sequence: int
    at: str
    actor: str
    action: str
    target: str | None
    request_id: str | None
    about: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class Filters:
    """What entries are looked for; None: any."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page_of_entries(
    connection: AsyncConnection, organisation: str, filters: Filters, limit: int, cursor: str | None
) -> Page[AuditEntry]:
    """Return a page of an organisation's entries, the newest first."""
    query = select(audit_entries).where(audit_entries.c.organisation_id == organisation)
    for name in ("actor", "action", "target"):
        wanted = getattr(filters, name)
        if wanted is not None:
            query = query.where(audit_entries.c[name] == wanted)
    if filters.since is not None:
        query = query.where(audit_entries.c.at >= moments.from_datetime(filters.since))
    if filters.until is not None:
        query = query.where(audit_entries.c.at < moments.from_datetime(filters.until))
    if cursor is not None:
        query = query.where(audit_entries.c.sequence < int(cursor))
    found = await connection.execute(query.order_by(audit_entries.c.sequence.desc()).limit(limit + 1))
    rows = found.mappings().all()
    entries = [_entry(row) for row in rows[:limit]]
    return Page(items=entries, next_cursor=str(entries[-1].sequence) if len(rows) > limit else None)


def _entry(row: Mapping[Any, Any]) -> AuditEntry:
    shown = {name: row[name] for name in ("id", "sequence", "actor", "action", "target", "request_id", "about")}
    return AuditEntry(**shown, at=moments.to_text(row["at"]), digest=row["digest"].hex())
