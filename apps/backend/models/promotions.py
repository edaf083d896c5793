"""Promotions and roll backs that one person asks for and a second one approves or refuses.

Nobody decides about their own request, whatever their role: neither the same actor, nor a service key of the same name
as the key that asked (a key that was made anew is still the same program).
"""

import hashlib
from http import HTTPStatus
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.identity.grants import require_granted
from apps.backend.models.bodies import Kind, Promotion, State, Wish, promotion_of
from apps.backend.models.tables import promotions
from apps.backend.problems import ProblemError, not_found
from apps.backend.protection.repeats import keep
from apps.backend.storage.database import Database
from apps.backend.storage.pages import Page, rows_of_page
from apps.backend.upstreams.registry import PROMOTION_SECONDS, Registry

LEASE = round((PROMOTION_SECONDS + 120.0) * moments.MICROSECONDS)
"""Whoever does what was approved has it for so long; after that, the process must have died and another one does it."""


async def request(database: Database, registry: Registry, caller: Caller, wish: Wish) -> Promotion:
    """Write down that somebody asks for a promotion or a roll back.

    Raises
    ------
    ProblemError
        404 no such model or version; 409 `already_champion`, `no_champion`; 503 the evidence service does not answer.
    """
    async with database.reading() as connection:
        await require_granted(connection, caller.organisation, wish.model)
    champion = await registry.champion(wish.model)
    if wish.version is not None:
        await registry.version(wish.model, wish.version)
    _require_change(wish, champion)
    row = {
        "id": new_id(),
        "organisation_id": caller.organisation,
        "kind": wish.kind,
        "model": wish.model,
        "version": wish.version,
        "champion": champion,
        "reason": wish.reason,
        "state": "requested",
        "requested_by": caller.actor,
        "requested_by_name": caller.name,
        "requested_at": moments.now(),
        "tries": 0,
        "may_be_done": False,
    }
    async with database.writing() as connection:
        await require_granted(connection, caller.organisation, wish.model)
        await connection.execute(promotions.insert(), row)
        about = {"kind": wish.kind, "model": wish.model, "version": wish.version, "champion": champion}
        await append(
            connection, caller, "promotion.requested", f"promotion:{row['id']}", about | _bound("reason", wish.reason)
        )
        made = promotion_of(await own_row(connection, caller.organisation, str(row["id"])))
        await keep(connection, made)
    return made


async def decide(database: Database, caller: Caller, promotion: str, state: State, words: str) -> None:
    """Approve (`state` = `approved`) or refuse (`refused`) what another one asked for.

    What is approved belongs to this process for :data:`LEASE`, so that no other one does it at the same time.

    Raises
    ------
    ProblemError
        404; 409 `second_person_needed` the caller asked for it; 409 `already_decided`.
    """
    now = moments.now()
    ended = {"next_try_at": now + LEASE} if state == "approved" else {"ended_at": now}
    async with database.writing() as connection:
        row = await own_row(connection, caller.organisation, promotion)
        await require_granted(connection, caller.organisation, row.model)
        _require_second_person(row, caller)
        decided = {"decided_by": caller.actor, "decided_by_name": caller.name, "decided_at": now, "words": words}
        await _leave_requested(connection, row, {"state": state, **decided, **ended})
        await append(
            connection, caller, f"promotion.{state}", f"promotion:{promotion}", _facts(row) | _bound("words", words)
        )


async def withdraw(database: Database, caller: Caller, promotion: str) -> Promotion:
    """Take back what the caller asked for.

    Raises
    ------
    ProblemError
        404; 403 `not_yours` somebody else asked for it; 409 `already_decided`.
    """
    async with database.writing() as connection:
        row = await own_row(connection, caller.organisation, promotion)
        if row.requested_by != caller.actor:
            detail = "Only who asked for it can withdraw it. An approver can refuse it."
            raise ProblemError(HTTPStatus.FORBIDDEN, "not_yours", detail)
        await _leave_requested(connection, row, {"state": "withdrawn", "ended_at": moments.now()})
        await append(connection, caller, "promotion.withdrawn", f"promotion:{promotion}", _facts(row))
        return promotion_of(await own_row(connection, caller.organisation, promotion))


async def one(database: Database, organisation: str, promotion: str) -> Promotion:
    """Return one of the organisation's (404: there is no such)."""
    async with database.reading() as connection:
        return promotion_of(await own_row(connection, organisation, promotion))


async def page(
    database: Database,
    organisation: str,
    filters: dict[str, str | Kind | State | None],
    limit: int,
    cursor: str | None,
) -> Page[Promotion]:
    """Return a page of the organisation's, the newest first; `filters`: column → value, None: any."""
    query: Select[Any] = select(promotions).where(promotions.c.organisation_id == organisation)
    for name, value in filters.items():
        if value is not None:
            query = query.where(promotions.c[name] == value)
    async with database.reading() as connection:
        rows, following = await rows_of_page(connection, query, promotions.c.id, limit, cursor)
    return Page(items=[promotion_of(_Row(row)) for row in rows], next_cursor=following)


async def own_row(connection: AsyncConnection, organisation: str, promotion: str) -> Any:
    """Return a row of the organisation (404: there is none)."""
    query = select(promotions).where(promotions.c.organisation_id == organisation, promotions.c.id == promotion)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise not_found("promotion")
    return row


class _Row:
    """A row by the names of its columns."""

    def __init__(self, values: dict[str, object]) -> None:
        self.__dict__.update(values)


def _require_change(wish: Wish, champion: str | None) -> None:
    if wish.kind == "rollback" and champion is None:
        detail = "The model has no champion, so there is none to go back from. Promote a version."
        raise ProblemError(HTTPStatus.CONFLICT, "no_champion", detail)
    if wish.kind == "promotion" and champion == wish.version:
        detail = "This version is the champion already. Ask for another one, or for nothing."
        raise ProblemError(HTTPStatus.CONFLICT, "already_champion", detail)


def _require_second_person(row: Any, caller: Caller) -> None:
    both_keys = row.requested_by.startswith("key:") and caller.user is None
    if row.requested_by == caller.actor or (both_keys and row.requested_by_name == caller.name):
        detail = "You asked for this yourself. Another approver decides about it; you can withdraw it."
        raise ProblemError(HTTPStatus.CONFLICT, "second_person_needed", detail)


async def _leave_requested(connection: AsyncConnection, row: Any, values: dict[str, object]) -> None:
    """Change a row if nobody did so before; of two at once, the second finds it changed."""
    query = promotions.update().where(
        promotions.c.organisation_id == row.organisation_id,
        promotions.c.id == row.id,
        promotions.c.state == "requested",
    )
    if (await connection.execute(query.values(values))).rowcount != 1:
        detail = "It is no longer open: it was approved, refused or withdrawn. Read it to see."
        raise ProblemError(HTTPStatus.CONFLICT, "already_decided", detail)


def _facts(row: Any) -> dict[str, Any]:
    return {"kind": row.kind, "model": row.model, "version": row.version}


def _bound(name: str, text: str) -> dict[str, str]:
    """What people wrote stays in the row; the log holds its digest, so that a changed row gives itself away."""
    return {f"{name}_sha256": hashlib.sha256(text.encode()).hexdigest()}
