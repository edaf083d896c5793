"""Appending to the audit log, in the transaction of what it tells of: both happen or neither does."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.tables import audit_entries, audit_heads
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.observation.request_ids import REQUEST_ID

FIRST_DIGEST = bytes(32)
OPERATOR = "operator"
"""The actor of what is done by command on the machine."""


async def append(
    connection: AsyncConnection,
    caller: Caller,
    action: str,
    target: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write down that the caller did something.

    Parameters
    ----------
    action
        What was done, as `decision.made` or `user.created`.
    target
        The name of what it was done to, as `decision:<id>`.
    about
        Facts, JSON-ready; never values of the people who are decided about, and no secrets.
    """
    await append_as(connection, caller.organisation, caller.actor, action, target, about)


async def append_as(
    connection: AsyncConnection,
    organisation: str,
    actor: str,
    action: str,
    target: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """As :func:`append`, by an actor who is no caller."""
    head = await _head(connection, organisation)
    entry = {
        "sequence": head.sequence + 1,
        "at": moments.now(),
        "actor": actor,
        "action": action,
        "target": target,
        "request_id": REQUEST_ID.get(),
        "about": dict(about or {}),
    }
    digest = chained(head.digest, organisation, entry)
    await connection.execute(
        audit_entries.insert(), {"id": new_id(), "organisation_id": organisation, "digest": digest, **entry}
    )
    await connection.execute(
        audit_heads.update()
        .where(audit_heads.c.organisation_id == organisation)
        .values(sequence=entry["sequence"], digest=digest)
    )


def chained(before: bytes, organisation: str, entry: Mapping[str, Any]) -> bytes:
    """Return the digest of an entry behind another: sha256 of that one's digest and this one's canonical JSON."""
    names = ("sequence", "at", "actor", "action", "target", "request_id", "about")
    content = {"organisation": organisation, **{name: entry[name] for name in names}}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(before + text.encode("ascii")).digest()


async def _head(connection: AsyncConnection, organisation: str) -> Any:
    """Return the last entry of the chain; whoever appends next waits until this transaction ends."""
    insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(audit_heads)
    first = {"organisation_id": organisation, "sequence": 0, "digest": FIRST_DIGEST}
    query = select(audit_heads).where(audit_heads.c.organisation_id == organisation).with_for_update()
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        await connection.execute(insert.values(first).on_conflict_do_nothing())
        found = (await connection.execute(query)).one()
    return found
