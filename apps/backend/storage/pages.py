"""Lists in pages: the newest first, with a cursor that stays right while rows are added."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Column, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.identifiers import LENGTH

MOST_ROWS = 200
USUAL_ROWS = 50
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page.")]
Cursor = Annotated[
    str | None,
    Query(
        min_length=LENGTH,
        max_length=LENGTH,
        pattern="^[0-9a-f-]{36}$",
        description="`next_cursor` of the page before; without it the first page.",
    ),
]
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """Rows, the newest first. `next_cursor`: what to ask for the next page with; null on the last."""

    items: list[Item]
    next_cursor: str | None


async def rows_of_page(
    connection: AsyncConnection, query: Select[tuple[object, ...]], key: Column[str], limit: int, cursor: str | None
) -> tuple[list[dict[str, object]], str | None]:
    """Return the rows of one page and the cursor of the next; `key`: the column of names, which grow with time."""
    if cursor is not None:
        query = query.where(key < cursor)
    found = (await connection.execute(query.order_by(key.desc()).limit(limit + 1))).mappings().all()
    rows = [dict(row) for row in found[:limit]]
    return rows, str(rows[-1][key.name]) if len(found) > limit else None
