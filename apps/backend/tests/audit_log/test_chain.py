"""The chain: it grows only, it is whole however many write at once, and nothing in it can be changed unseen."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.audit_log import verifying
from apps.backend.audit_log.appending import append
from apps.backend.audit_log.tables import audit_entries, audit_heads
from apps.backend.audit_log.verifying import Noted, Verification, verify, verify_on
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.storage.database import Database
from apps.backend.storage.schema import upgrade
from apps.backend.tests.audit_log.chains import forge, new_caller, store_chain, unguarded, write_entries

ENTRIES = 7
Check = Callable[[Database, Caller], Awaitable[None]]
TryWith = Callable[[Check], None]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a database of each kind, with its tables."""
    if request.param == "sqlite":
        made = f"sqlite:///{tmp_path_factory.mktemp('log') / 'b.db'}"
    else:
        made = str(request.getfixturevalue("postgres_address"))
    asyncio.run(over(made, upgrade))
    return made


async def over(address: str, work: Callable[[Database], Awaitable[Any]]) -> Any:
    database = Database(address, create=True)
    try:
        return await work(database)
    finally:
        await database.close()


@pytest.fixture
def try_with(address: str) -> TryWith:
    """Run a check over a log of seven entries, beside one of another organisation."""

    async def with_entries(database: Database) -> Caller:
        for _ in range(2):
            caller = await new_caller(database)
            await write_entries(database, caller, ENTRIES)
        return caller

    async def run(check: Check) -> None:
        async def work(database: Database) -> None:
            await check(database, await with_entries(database))

        await over(address, work)

    return lambda check: asyncio.run(run(check))


def entries_of(caller: Caller) -> Any:
    return audit_entries.c.organisation_id == caller.organisation


async def entry(database: Database, caller: Caller, sequence: int) -> dict[str, Any]:
    async with database.reading() as connection:
        query = select(audit_entries).where(entries_of(caller), audit_entries.c.sequence == sequence)
        return dict((await connection.execute(query)).mappings().one())


def test_an_untouched_chain_is_whole(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        found = await verify(database, caller.organisation)
        last = await entry(database, caller, ENTRIES)
        assert found == Verification(ENTRIES, None, last["digest"].hex())
        assert found.intact
        assert await verify(database, new_id()) == Verification(0, None, "00" * 32)

    try_with(check)


def test_twenty_at_once_make_one_chain(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        others = Database(database.engine.url.render_as_string(False))
        await asyncio.gather(*(write_entries(which, caller, 2) for which in (database, others) for _ in range(10)))
        await others.close()
        found = await verify(database, caller.organisation)
        assert (found.entries, found.broken_at) == (ENTRIES + 40, None)

    try_with(check)


def test_first_entries_at_once_make_one_chain(try_with: TryWith) -> None:
    async def check(database: Database, _: Caller) -> None:
        fresh = await new_caller(database)
        await asyncio.gather(*(write_entries(database, fresh, 1) for _ in range(20)))
        found = await verify(database, fresh.organisation)
        assert (found.entries, found.broken_at) == (20, None)

    try_with(check)


def test_an_entry_goes_with_its_transaction(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        async def fails() -> None:
            async with database.writing() as connection:
                await append(connection, caller, "thing.done")
                raise LookupError

        with pytest.raises(LookupError):
            await fails()
        found = await verify(database, caller.organisation)
        assert (found.entries, found.broken_at) == (ENTRIES, None)

    try_with(check)


def test_the_database_refuses_to_change_entries_and_to_move_heads(try_with: TryWith) -> None:
    statements: list[Any] = [
        update(audit_entries).values(actor="nobody"),
        delete(audit_entries),
        update(audit_heads).values(sequence=audit_heads.c.sequence - 1),
        update(audit_heads).values(sequence=audit_heads.c.sequence + 2, digest=b"0" * 32),
        update(audit_heads).values(sequence=audit_heads.c.sequence + 1),
        delete(audit_heads),
    ]

    async def check(database: Database, caller: Caller) -> None:
        if database.kind == "postgresql":
            statements.extend((text("TRUNCATE audit_entries"), text("TRUNCATE audit_heads")))
        else:
            statements.append(text("INSERT OR REPLACE INTO audit_entries SELECT * FROM audit_entries"))
            statements.append(text("INSERT OR REPLACE INTO audit_heads SELECT * FROM audit_heads"))
        for statement in statements:
            with pytest.raises(IntegrityError, match="the audit log can only grow"):
                await run(database, statement)
        assert (await verify(database, caller.organisation)).intact

    try_with(check)


async def run(database: Database, statement: Any) -> None:
    async with database.writing() as connection:
        await connection.execute(statement)


@pytest.mark.parametrize("sequence", [1, 4, ENTRIES])
def test_a_removed_entry_is_found(try_with: TryWith, sequence: int) -> None:
    async def check(database: Database, caller: Caller) -> None:
        await forge(database, "audit_entries", delete(audit_entries).where(
            entries_of(caller), audit_entries.c.sequence == sequence))  # fmt: skip
        found = await verify(database, caller.organisation)
        assert (found.entries, found.broken_at) == (ENTRIES - 1, sequence)

    try_with(check)


def test_an_end_that_was_cut_off_is_found(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        await forge(database, "audit_entries", delete(audit_entries).where(
            entries_of(caller), audit_entries.c.sequence > 5))  # fmt: skip
        assert (await verify(database, caller.organisation)).broken_at == 6

    try_with(check)


def test_a_log_that_was_emptied_is_found(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        await forge(database, "audit_entries", delete(audit_entries).where(entries_of(caller)))
        assert await verify(database, caller.organisation) == Verification(0, 1, "00" * 32)

    try_with(check)


def test_a_head_that_was_removed_is_found(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        await forge(database, "audit_heads", delete(audit_heads).where(
            audit_heads.c.organisation_id == caller.organisation))  # fmt: skip
        assert (await verify(database, caller.organisation)).broken_at == ENTRIES + 1

    try_with(check)


def test_an_entry_that_was_put_in_is_found(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        last = await entry(database, caller, ENTRIES)
        await run(database, insert(audit_entries).values(last | {"id": new_id(), "sequence": ENTRIES + 1}))
        found = await verify(database, caller.organisation)
        assert (found.entries, found.broken_at) == (ENTRIES + 1, ENTRIES + 1)

    try_with(check)


def test_entries_that_changed_places_are_found(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        async with unguarded(database, "audit_entries") as connection:
            for before, after in ((3, -1), (4, 3), (-1, 4)):
                chosen = update(audit_entries).where(entries_of(caller), audit_entries.c.sequence == before)
                await connection.execute(chosen.values(sequence=after))
        assert (await verify(database, caller.organisation)).broken_at == 3

    try_with(check)


def test_a_chain_that_was_written_anew_is_found_by_a_noted_digest(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        noted = Noted(ENTRIES, bytes.fromhex((await verify(database, caller.organisation)).digest))
        assert (await verify(database, caller.organisation, noted)).intact
        await forge(database, "audit_entries", delete(audit_entries).where(entries_of(caller)))
        await forge(database, "audit_heads", delete(audit_heads).where(
            audit_heads.c.organisation_id == caller.organisation))  # fmt: skip
        assert (await verify(database, caller.organisation)).intact, "by itself the chain cannot show it"
        assert (await verify(database, caller.organisation, noted)).broken_at == 1
        await write_entries(database, caller, ENTRIES)
        assert (await verify(database, caller.organisation)).intact
        assert (await verify(database, caller.organisation, noted)).broken_at == ENTRIES

    try_with(check)


def test_what_cannot_be_stored_as_it_is_read_is_normalised_or_refused(try_with: TryWith) -> None:
    async def check(database: Database, caller: Caller) -> None:
        async with database.writing() as connection:
            await append(connection, caller, "a" * 100, "t" * 500, {10: (1, 2), 9: "x"})  # type: ignore[dict-item]
        assert (await verify(database, caller.organisation)).intact
        with pytest.raises(ValueError, match="not JSON compliant"):
            async with database.writing() as connection:
                await append(connection, caller, "thing.done", None, {"share": float("nan")})

    try_with(check)


CHANGES = st.one_of(
    st.tuples(st.sampled_from(["id", "actor", "action", "target", "request_id"]), st.text("abcxyz-", max_size=36)),
    st.tuples(st.sampled_from(["actor", "action", "target"]), st.binary(max_size=4)),
    st.tuples(st.just("sequence"), st.integers(-3, 20)),
    st.tuples(st.just("at"), st.integers(0, 2**62)),
    st.tuples(st.just("digest"), st.binary(max_size=33) | st.text(max_size=3)),
    st.tuples(
        st.just("about"), st.sampled_from(["{}", "null", "[]", "no json", '{"count": 1.0}', '{"count": "1"}', "NaN"])
    ),
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Caller]:
    """A log in SQLite, where anything may be put into any column."""

    async def make(database: Database) -> Caller:
        await upgrade(database)
        caller = await new_caller(database)
        await write_entries(database, caller, ENTRIES)
        return caller

    address = f"sqlite:///{tmp_path_factory.mktemp('log') / 'b.db'}"
    return address, asyncio.run(over(address, make))


class RollBackError(Exception):
    """Ends a transaction without a trace."""


@settings(max_examples=150, deadline=None)
@given(sequence=st.integers(1, ENTRIES), change=CHANGES)
def test_any_single_change_is_found(log: tuple[str, Caller], sequence: int, change: tuple[str, Any]) -> None:
    address, caller = log
    column, value = change
    key = {"organisation": caller.organisation, "sequence": sequence}
    where = "organisation_id = :organisation AND sequence = :sequence"

    async def try_it(connection: AsyncConnection) -> None:
        everything = text("SELECT * FROM audit_entries ORDER BY rowid")
        before = (await connection.execute(everything)).all()
        changing = text(f"UPDATE OR IGNORE audit_entries SET {column} = :value WHERE {where}")  # noqa: S608
        await connection.execute(changing, key | {"value": value})
        is_changed = (await connection.execute(everything)).all() != before
        found = await verify_on(connection, caller.organisation)
        assert found.intact == (not is_changed)
        if is_changed and column != "sequence":
            assert found.broken_at == sequence

    asyncio.run(rolled_back(address, try_it))


async def rolled_back(address: str, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    async def try_it(database: Database) -> None:
        async with unguarded(database, "audit_entries") as connection:
            await work(connection)
            raise RollBackError

    with suppress(RollBackError):
        await over(address, try_it)


def test_memory_does_not_grow_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "PAGE_ROWS", 100)

    async def peak(database: Database, number: int) -> int:
        caller = await new_caller(database)
        await store_chain(database, caller, number)
        await verify(database, caller.organisation)  # what is made once is not counted
        tracemalloc.start()
        try:
            assert (await verify(database, caller.organisation)).entries == number
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    async def check(database: Database) -> None:
        await upgrade(database)
        few, many = await peak(database, 500), await peak(database, 5000)
        assert many < 1.5 * few, "of 4,500 entries more, not even a digest is kept"

    asyncio.run(over(f"sqlite:///{tmp_path / 'b.db'}", check))
