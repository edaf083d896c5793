"""Appending to the audit log, in the transaction of what it tells of: both happen or neither does."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.tables import (
    LONGEST_ACTION,
    LONGEST_ACTOR,
    LONGEST_TARGET,
    audit_entries,
    audit_heads,
)
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.observation.request_ids import REQUEST_ID

FIRST_DIGEST = bytes(32)
CHAINED = ("id", "sequence", "at", "actor", "action", "target", "request_id", "about")
"""What an entry's digest holds, besides its organisation and the digest before it: all there is."""

OPERATOR = "operator"
"""The actor of what is done by command on the machine."""

_STEP = (
    audit_heads.update()
    .where(audit_heads.c.organisation_id == bindparam("of"))
    .values(sequence=bindparam("to"), digest=bindparam("by"))
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What an actor did, to be written down; `action`, `target`, `about` as in :func:`append`. `request_id`: of the
    request that runs where the deed is made."""

    actor: str
    action: str
    target: str | None = None
    about: Mapping[str, Any] | None = None
    request_id: str | None = field(default_factory=REQUEST_ID.get)


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
    await append_all(connection, organisation, [Deed(actor, action, target, about)])


async def append_all(connection: AsyncConnection, organisation: str, deeds: Sequence[Deed]) -> None:
    """Write down what was done in one organisation, one deed at least, in this order: as many queries as for one."""
    head = await _head(connection, organisation)
    sequence, digest = head.sequence, head.digest
    rows = []
    for deed in deeds:
        sequence += 1
        entry = {
            "id": new_id(),
            "sequence": sequence,
            "at": moments.now(),
            "actor": deed.actor[:LONGEST_ACTOR],
            "action": deed.action[:LONGEST_ACTION],
            "target": deed.target if deed.target is None else deed.target[:LONGEST_TARGET],
            "request_id": deed.request_id,
            "about": _as_stored(deed.about or {}),
        }
        digest = chained(digest, organisation, entry)
        rows.append({"organisation_id": organisation, "digest": digest, **entry})
    await connection.execute(audit_entries.insert(), rows)
    # The head goes from entry to entry: the database refuses longer steps.
    await connection.execute(_STEP, [{"of": organisation, "to": row["sequence"], "by": row["digest"]} for row in rows])


def chained(before: bytes, organisation: str, entry: Mapping[str, Any]) -> bytes:
    """Return the digest of an entry behind another: sha256 of that one's digest and this one's canonical JSON."""
    content = {"organisation": organisation, **{name: entry[name] for name in CHAINED}}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(before + text.encode("ascii")).digest()


def _as_stored(about: Mapping[str, Any]) -> Any:
    """Return facts as they come back from the database: what the digest holds must be what is read."""
    return json.loads(json.dumps(dict(about), allow_nan=False))


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
