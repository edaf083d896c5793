"""Decisions that come at the same time share a transaction, and nobody suffers from the company."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.audit_log.appending import Deed
from apps.backend.audit_log.verifying import verify
from apps.backend.decisions.book import MOST_AT_ONCE, Book, Entry
from apps.backend.decisions.tables import decisions
from apps.backend.identifiers import new_id
from apps.backend.problems import ProblemError, unavailable
from apps.backend.storage.database import Database
from apps.backend.tests.decisions.conftest import Office


class Watched(Book):
    """A book that counts its transactions; `before`: what each of them waits for first."""

    def __init__(self, database: Database, before: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(self)  # type: ignore[arg-type]
        self._real, self._before, self.transactions = database, before, 0

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        self.transactions += 1
        if self._before is not None:
            await self._before()
        async with self._real.writing() as connection:
            yield connection


@pytest.fixture
def template(office: Office) -> dict[str, Any]:
    """The row of a decision of the office."""
    office.decided()
    (row,) = office.rows(decisions.select().where(decisions.c.organisation_id == office.organisation.id))
    return dict(row._mapping)


def entry(template: dict[str, Any], **changes: Any) -> Entry:
    row = {**template, "id": new_id(), **changes}
    return Entry(row["organisation_id"], Deed("key:x", "decision.made", f"decision:{row['id']}"), row)


def kept(office: Office) -> set[str]:
    return {row["id"] for row in office.listed(limit=200)}


def require_whole_chain(office: Office, entries: int) -> None:
    found = office.product.run(verify(office.product.parts.database, office.organisation.id))
    assert (found.intact, found.entries) == (True, entries)


def test_what_comes_at_once_is_written_at_once(office: Office, template: dict[str, Any]) -> None:
    book = Watched(office.product.parts.database)
    entries = [entry(template) for _ in range(50)]

    async def write() -> None:
        await asyncio.gather(*[book.write(one) for one in entries])

    office.product.run(write())
    assert book.transactions == 1
    assert kept(office) == {template["id"], *(one.row["id"] for one in entries if one.row)}
    require_whole_chain(office, 51)


def test_more_than_one_transaction_holds_are_written_by_several(office: Office, template: dict[str, Any]) -> None:
    book = Watched(office.product.parts.database)
    entries = [entry(template) for _ in range(MOST_AT_ONCE + 20)]

    async def write() -> None:
        await asyncio.gather(*[book.write(one) for one in entries])

    office.product.run(write())
    assert book.transactions == 2
    assert len(kept(office)) == MOST_AT_ONCE + 21
    require_whole_chain(office, MOST_AT_ONCE + 21)


def test_several_organisations_have_a_chain_each(office: Office, template: dict[str, Any]) -> None:
    other = Office(office.product, office.models, office.product.organisation(f"beside {office.organisation.name}"))
    book = Watched(office.product.parts.database)

    async def write() -> None:
        owners = [office.organisation.id, other.organisation.id] * 5
        await asyncio.gather(*[book.write(entry(template, organisation_id=owner)) for owner in owners])

    office.product.run(write())
    assert (book.transactions, len(kept(office)), len(kept(other))) == (1, 6, 5)
    require_whole_chain(office, 6)
    require_whole_chain(other, 5)


def test_what_is_wrong_with_one_is_not_the_others_fault(office: Office, template: dict[str, Any]) -> None:
    book = Watched(office.product.parts.database)
    entries = [entry(template) for _ in range(4)]
    entries.insert(2, entry(template, id=template["id"]))

    async def write() -> list[BaseException | None]:
        return await asyncio.gather(*[book.write(one) for one in entries], return_exceptions=True)

    ended = office.product.run(write())
    assert [type(error) for error in ended] == [type(None)] * 2 + [IntegrityError] + [type(None)] * 2
    assert len(kept(office)) == 5
    require_whole_chain(office, 5)


def test_a_database_that_is_away_is_told_to_everybody(office: Office, template: dict[str, Any]) -> None:
    async def away() -> None:
        raise unavailable("database_away", "away")

    book = Watched(office.product.parts.database, away)

    async def write() -> list[BaseException | None]:
        calls = [book.write(entry(template)) for _ in range(5)]
        return await asyncio.gather(*calls, return_exceptions=True)

    ended = office.product.run(write())
    assert [error.code for error in ended if isinstance(error, ProblemError)] == ["database_away"] * 5
    assert book.transactions == 1
    assert kept(office) == {template["id"]}


def test_whoever_hangs_up_while_writing_for_others_takes_nothing_from_them(
    office: Office, template: dict[str, Any]
) -> None:
    async def write() -> None:
        go = asyncio.Event()

        async def wait() -> None:
            await go.wait()

        book = Watched(office.product.parts.database, wait)
        tasks = [asyncio.create_task(book.write(entry(template))) for _ in range(4)]
        while not book.transactions:
            await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        while not tasks[2].done():
            await asyncio.sleep(0)
        go.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in ended] == [
            asyncio.CancelledError, type(None), asyncio.CancelledError, type(None)
        ]  # fmt: skip
        assert book.transactions == 1

    office.product.run(write())
    # The first was about to be written and is kept; the third still waited and is not.
    assert len(kept(office)) == 4
    require_whole_chain(office, 4)
