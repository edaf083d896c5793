"""What a publication came to, once all of its items ended."""

from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append_as
from apps.backend.governance.queueing import PROMOTIONS
from apps.backend.governance.tables import publication_items, publications


def belongs() -> Any:
    """Return the condition that an item is one of a publication."""
    items, of = publication_items.c, publications.c
    same_control = or_(items.control_id == of.control_id, and_(items.control_id.is_(None), of.control_id.is_(None)))
    return and_(
        items.organisation_id == of.organisation_id,
        items.system_id == of.system_id,
        items.evidence == of.evidence,
        same_control,
    )


async def settle(connection: AsyncConnection, organisation: str) -> None:
    """End the organisation's publications none of whose items is queued any more."""
    query = select(publications).where(
        publications.c.organisation_id == organisation,
        publications.c.state == "queued",
        publications.c.evidence.is_not(None),
    )
    # Of two transactions that end the last two items, neither sees the other's: whoever comes second waits here, and
    # looks at the items afterwards.
    for row in (await connection.execute(query.order_by(publications.c.id).with_for_update())).all():
        states = await _item_states(connection, row)
        if "queued" not in states:
            await _end(connection, row, states.get("refused"))


async def refuse(connection: AsyncConnection, row: Any, problem: str) -> None:
    """End a publication whose items cannot be made."""
    await _end(connection, row, problem)


async def _item_states(connection: AsyncConnection, row: Any) -> dict[str, str | None]:
    """Return the states that a publication's items are in, each with a problem of one of them."""
    items = publication_items.c
    query = select(items.state, items.problem).select_from(publication_items.join(publications, belongs()))
    return {item.state: item.problem for item in await connection.execute(query.where(publications.c.id == row.id))}


async def _end(connection: AsyncConnection, row: Any, problem: str | None) -> None:
    state = "sent" if problem is None else "refused"
    query = publications.update().where(
        publications.c.organisation_id == row.organisation_id,
        publications.c.id == row.id,
        publications.c.state == "queued",
    )
    values = {"state": state, "problem": problem, "next_try_at": None, "ended_at": moments.now()}
    if (await connection.execute(query.values(values))).rowcount != 1:
        return
    about = {"model": row.model, "version": row.version, "system_id": row.system_id, "problem": problem}
    await append_as(connection, row.organisation_id, PROMOTIONS, f"publication.{state}", f"publication:{row.id}", about)
