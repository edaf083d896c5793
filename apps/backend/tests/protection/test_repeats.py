"""Requests that are sent again: done once, on both databases, whatever happens in the middle."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from apps.backend import moments
from apps.backend.every_table import organisations
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.problems import ProblemError
from apps.backend.protection import repeats
from apps.backend.protection.tables import idempotency_keys
from apps.backend.storage.database import Database
from apps.backend.storage.schema import downgrade, upgrade
from apps.backend.tests.product import PATIENCE_SECONDS

ROUTE = "POST /api/v1/decisions"


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for what :func:`shift` turns back; a key is renewed where a test says so."""
    now = moments.now()
    monkeypatch.setattr(moments, "now", lambda: now)
    monkeypatch.setattr(repeats, "RENEW_SECONDS", 24 * 3600.0)


class Made(BaseModel):
    """An answer."""

    number: int
    at: datetime


@dataclass
class Parts:
    """As much of the backend as keys need, with one organisation."""

    database: Database
    caller: Caller
    done: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self) -> Made:
        """Count, and answer the number."""
        self.done += 1
        return Made(number=self.done, at=datetime(2026, 1, 31, tzinfo=UTC))

    async def ask(
        self,
        key: str | None = "k",
        body: object = None,
        work: Callable[[], Awaitable[Made]] | None = None,
        **changes: Any,
    ) -> Made:
        """Ask once more."""
        caller = changes.get("caller", self.caller)
        route = changes.get("route", ROUTE)
        return await repeats.once(
            self, caller, key, route, {"age": 30} if body is None else body, work or self.work, Made
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def try_with(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Callable[[Parts], Awaitable[None]]], None]:
    """Run a coroutine function over an empty database of each kind."""
    is_sqlite = request.param == "sqlite"
    address = f"sqlite:///{tmp_path / 'b.db'}" if is_sqlite else str(request.getfixturevalue("postgres_address"))

    async def run(check: Callable[[Parts], Awaitable[None]]) -> None:
        database = Database(address, create=True)
        try:
            await downgrade(database)
            await upgrade(database)
            await check(Parts(database, await new_caller(database)))
        finally:
            await database.close()

    return lambda check: asyncio.run(run(check))


async def new_caller(database: Database) -> Caller:
    organisation = new_id()
    async with database.writing() as connection:
        row = {"id": organisation, "name": organisation, "created_at": moments.now()}
        await connection.execute(organisations.insert(), row)
    return Caller(organisation, "key:1", "key", "analyst")


async def shift(parts: Parts, **values: int) -> None:
    """Turn the clock of all keys back."""
    changes = {name: idempotency_keys.c[name] - seconds * moments.MICROSECONDS for name, seconds in values.items()}
    async with parts.database.writing() as connection:
        await connection.execute(idempotency_keys.update().values(changes))


async def refusal(asked: Awaitable[Any]) -> tuple[int, str]:
    with pytest.raises(ProblemError) as caught:
        await asked
    return caught.value.status.value, caught.value.code


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


TryWith = Callable[[Callable[[Parts], Awaitable[None]]], None]


def test_the_same_request_is_done_once_and_answered_alike(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        first = await parts.ask(body={"age": 30, "sum": 1})
        assert await parts.ask(body={"sum": 1, "age": 30}) == first
        assert parts.done == 1

    try_with(check)


def test_without_a_key_every_request_is_done(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        assert [(await parts.ask(None)).number, (await parts.ask(None)).number] == [1, 2]

    try_with(check)


def test_a_key_is_one_organisations_and_one_routes(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        other = await new_caller(parts.database)
        await parts.ask()
        await parts.ask(route=ROUTE + "/1/appeals")
        await parts.ask(caller=other)
        await parts.ask(key="another")
        assert parts.done == 4
        assert [(await parts.ask()).number, (await parts.ask(caller=other)).number] == [1, 3]

    try_with(check)


def test_another_body_under_the_same_key_is_refused(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        await parts.ask()
        assert await refusal(parts.ask(body={"age": 31})) == (422, "idempotency_key_reused")
        assert parts.done == 1

    try_with(check)


def test_while_the_first_runs_the_second_is_told_so(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        async def slow() -> Made:
            made = await parts.work()
            await parts.release.wait()
            return made

        first = asyncio.create_task(parts.ask(work=slow))
        await until(lambda: parts.done == 1)
        assert await refusal(parts.ask()) == (409, "in_progress")
        parts.release.set()
        assert await first == await parts.ask()
        assert parts.done == 1

    try_with(check)


def test_of_twenty_at_once_one_is_done(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        other = Parts(Database(str(parts.database.engine.url.render_as_string(False))), parts.caller)

        async def ask(which: Parts) -> Any:
            try:
                return (await which.ask(work=slow)).number
            except ProblemError as problem:
                return problem.code

        async def slow() -> Made:
            await asyncio.sleep(0.05)
            return await parts.work()

        found = await asyncio.gather(*(ask(which) for which in (parts, other) for _ in range(10)))
        await other.database.close()
        assert parts.done == 1
        assert set(found) <= {1, "in_progress"}
        assert 1 in found

    try_with(check)


def test_work_that_fails_frees_its_key(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        async def fail() -> Made:
            raise LookupError

        with pytest.raises(LookupError):
            await parts.ask(work=fail)
        assert (await parts.ask(body={"age": 99})).number == 1

    try_with(check)


def test_work_that_is_cancelled_frees_its_key(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        async def wait() -> Made:
            parts.done += 1
            await parts.release.wait()
            raise AssertionError

        asked = asyncio.create_task(parts.ask(work=wait))
        await until(lambda: parts.done == 1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert (await parts.ask()).number == 2

    try_with(check)


def test_the_key_of_a_dead_process_is_free_after_a_minute(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        dead = asyncio.create_task(parts.ask(work=hang))
        await until_held(parts)
        await shift(parts, held_until=repeats.HELD_SECONDS - 5)
        assert await refusal(parts.ask()) == (409, "in_progress")
        await shift(parts, held_until=6)
        assert (await parts.ask(body={"age": 40})).number == 1
        dead.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dead
        assert (await parts.ask(body={"age": 40})).number == 1, "who lost the key does not take it from its new holder"

    try_with(check)


def test_work_that_runs_long_keeps_its_key(try_with: TryWith, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "RENEW_SECONDS", 0.02)

    async def check(parts: Parts) -> None:
        running = asyncio.create_task(parts.ask(work=hang))
        await until_held(parts)
        await shift(parts, held_until=2 * repeats.HELD_SECONDS)
        await until_held(parts, since=moments.now())
        assert await refusal(parts.ask()) == (409, "in_progress")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    try_with(check)


def test_an_answer_can_be_stored_with_the_work(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        async def dies_after_its_transaction() -> Made:
            made = await parts.work()
            async with parts.database.writing() as connection:
                await repeats.keep(connection, made)
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await parts.ask(work=dies_after_its_transaction)
        assert (await parts.ask()).number == 1
        assert parts.done == 1

    try_with(check)


def test_who_lost_the_key_may_not_write(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        async def too_late() -> Made:
            await parts.release.wait()
            async with parts.database.writing() as connection:
                await repeats.keep(connection, await parts.work())
            raise AssertionError

        late = asyncio.create_task(parts.ask(work=too_late))
        await until_held(parts)
        await shift(parts, held_until=2 * repeats.HELD_SECONDS)
        assert (await parts.ask()).number == 1
        parts.release.set()
        assert await refusal(late) == (409, "in_progress")
        assert (await parts.ask()).number == 1

    try_with(check)


def test_keys_are_forgotten_after_a_day(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        await parts.ask()
        await shift(parts, created_at=repeats.KEPT_SECONDS - 60)
        assert await repeats.forget_old(parts) == 0
        await shift(parts, created_at=61)
        assert (await parts.ask(body={"age": 50})).number == 2, "free even before the job has come by"
        await shift(parts, created_at=repeats.KEPT_SECONDS + 1)
        assert await repeats.forget_old(parts) == 1
        assert (await parts.ask()).number == 3

    try_with(check)


def test_neither_key_nor_body_is_stored(try_with: TryWith) -> None:
    async def check(parts: Parts) -> None:
        await parts.ask(key="key-of-a-client", body={"email": "person@example.org"})
        async with parts.database.reading() as connection:
            row = (await connection.execute(idempotency_keys.select())).one()
        assert "key-of-a-client" not in str(row)
        assert "person" not in str(row)

    try_with(check)


async def hang() -> Made:
    await asyncio.Event().wait()
    raise AssertionError


async def until_held(parts: Parts, since: int = 0) -> None:
    """Wait until somebody holds a key, as was said after the moment `since`."""
    query = idempotency_keys.select().where(idempotency_keys.c.held_until > since)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with parts.database.reading() as connection:
                if (await connection.execute(query)).first() is not None:
                    return
            await asyncio.sleep(0.01)
