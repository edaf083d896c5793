"""The audit log, read by admins: its entries, and whether its chain is whole."""

import asyncio

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from apps.backend.access import Admin
from apps.backend.audit_log.reading import (
    ActionFilter,
    ActorFilter,
    AuditEntry,
    Filters,
    SequenceCursor,
    Since,
    TargetFilter,
    Until,
    page_of_entries,
)
from apps.backend.audit_log.verifying import verify
from apps.backend.parts import Parts
from apps.backend.problems import problems
from apps.backend.storage.pages import USUAL_ROWS, Limit, Page


class AuditVerification(BaseModel):
    """Whether the chain is whole. `entries`: that are stored; `broken_at`: the first place in the chain that does not
    fit; `digest`: of the last entry that fits: note it elsewhere, and nobody can write the log anew unseen."""

    entries: int
    intact: bool
    broken_at: int | None
    digest: str


def install(app: FastAPI, parts: Parts) -> None:
    """Add them to the application."""
    router = APIRouter(prefix="/api/v1/audit-log", tags=["audit log"])
    one_at_a_time = asyncio.Lock()

    @router.get("", operation_id="list_audit_entries", responses=problems())
    async def entries(
        caller: Admin,
        actor: ActorFilter = None,
        action: ActionFilter = None,
        target: TargetFilter = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = USUAL_ROWS,
        cursor: SequenceCursor = None,
    ) -> Page[AuditEntry]:
        """List who did what in your organisation, the newest first."""
        filters = Filters(actor=actor, action=action, target=target, since=since, until=until)
        async with parts.database.reading() as connection:
            return await page_of_entries(connection, caller.organisation, filters, limit, cursor)

    @router.get("/verification", operation_id="verify_audit_log", responses=problems())
    async def verification(caller: Admin) -> AuditVerification:
        """Compute the digests of all entries anew, and tell the first place that does not fit."""
        # Of several that ask at once each waits for the one before: it is all the same log.
        async with one_at_a_time:
            found = await verify(parts.database, caller.organisation)
        return AuditVerification(
            entries=found.entries, intact=found.intact, broken_at=found.broken_at, digest=found.digest
        )

    app.include_router(router)
