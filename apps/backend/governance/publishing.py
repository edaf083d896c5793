"""Publications as people ask for them and read them."""

from http import HTTPStatus
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.governance.bodies import Publication, PublicationWish, PublishedItem, item_of, publication_of
from apps.backend.governance.queueing import queue
from apps.backend.governance.tables import publication_items, publications
from apps.backend.identity.caller import Caller
from apps.backend.identity.grants import require_granted
from apps.backend.problems import ProblemError, not_found
from apps.backend.protection.repeats import keep
from apps.backend.settings import Settings
from apps.backend.storage.database import Database
from apps.backend.storage.pages import Page, rows_of_page


def require_store(settings: Settings) -> None:
    """Refuse what needs a governance store where none is set (409 `governance_off`)."""
    if settings.governance is None:
        detail = "This backend sends nothing to a governance store. Its operator sets FAIRMIND_GOVERNANCE_URL."
        raise ProblemError(HTTPStatus.CONFLICT, "governance_off", detail)


async def publish(database: Database, caller: Caller, wish: PublicationWish) -> Publication:
    """Queue the evidence of a version (404: no such model)."""
    async with database.writing() as connection:
        await require_granted(connection, caller.organisation, wish.model)
        made = await queue(
            connection,
            caller.organisation,
            caller.actor,
            wish.model,
            wish.version,
            wish.system_id,
            wish.control_id,
        )
        shown = await _one(connection, caller.organisation, made)
        await keep(connection, shown)
    return shown


async def one(database: Database, organisation: str, publication: str) -> Publication:
    """Return one of the organisation's (404: there is no such)."""
    async with database.reading() as connection:
        return await _one(connection, organisation, publication)


async def page(
    database: Database, organisation: str, filters: dict[str, str | None], limit: int, cursor: str | None
) -> Page[Publication]:
    """Return a page of the organisation's, the newest first; `filters`: column → value, None: any."""
    query: Select[Any] = select(publications).where(publications.c.organisation_id == organisation)
    for name, value in filters.items():
        if value is not None:
            query = query.where(publications.c[name] == value)
    async with database.reading() as connection:
        rows, following = await rows_of_page(connection, query, publications.c.id, limit, cursor)
        return Page(items=await _shown(connection, organisation, rows), next_cursor=following)


async def _one(connection: AsyncConnection, organisation: str, publication: str) -> Publication:
    query = select(publications).where(publications.c.organisation_id == organisation, publications.c.id == publication)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found("publication")
    return (await _shown(connection, organisation, [dict(row)]))[0]


async def _shown(connection: AsyncConnection, organisation: str, rows: list[dict[str, Any]]) -> list[Publication]:
    """Return publications with their items."""
    digests = {row["evidence"] for row in rows if row["evidence"] is not None}
    query = select(publication_items).where(
        publication_items.c.organisation_id == organisation, publication_items.c.evidence.in_(digests)
    )
    items: dict[tuple[object, ...], list[PublishedItem]] = {}
    for item in (await connection.execute(query.order_by(publication_items.c.part))).mappings():
        items.setdefault(_place(item), []).append(item_of(item))
    return [publication_of(row, items.get(_place(row), [])) for row in rows]


def _place(row: Any) -> tuple[object, ...]:
    return row["system_id"], row["control_id"], row["evidence"]
