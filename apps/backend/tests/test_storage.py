"""Tables: up and down on both databases, as the code describes them, and every row somebody's."""

import asyncio
import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from apps.backend.every_table import METADATA
from apps.backend.storage import database as storage
from apps.backend.storage.database import Database
from apps.backend.storage.schema import VERSION_TABLE, downgrade, is_current, upgrade
from apps.backend.tests.product import Product

BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def address(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'backend.db'}"
    return str(request.getfixturevalue("postgres_address"))


@BOTH
def test_the_tables_come_and_go(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async def try_it() -> None:
        database = Database(address(kind, tmp_path, request), create=True)
        try:
            await come_and_go(database)
        finally:
            await database.close()

    asyncio.run(try_it())


async def come_and_go(database: Database) -> None:
    assert not await is_current(database)
    await upgrade(database)
    assert await is_current(database)
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
    await downgrade(database)
    async with database.reading() as connection:
        assert await connection.run_sync(lambda on: inspect(on).get_table_names()) == [VERSION_TABLE]
    await upgrade(database)


def differences(connection: Connection) -> list[object]:
    """What Alembic would still change."""
    options = {"version_table": VERSION_TABLE, "compare_type": False}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


def test_a_new_file_is_waited_for_while_another_process_writes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself does not wait where the log of a file is switched: without it a second process would not start."""
    path, waits = tmp_path / "backend.db", []
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE anything (number INTEGER)")

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if other.in_transaction:
            other.execute("COMMIT")

    monkeypatch.setattr(storage, "time", SimpleNamespace(monotonic=time.monotonic, sleep=wait))

    async def try_it() -> str:
        database = Database(f"sqlite:///{path}", create=True)
        try:
            async with database.reading() as connection:
                return str(await connection.scalar(text("PRAGMA journal_mode")))
        finally:
            await database.close()

    assert asyncio.run(try_it()) == "wal"
    assert waits, "the other one was in the way"
    other.close()


def test_every_row_belongs_to_an_organisation() -> None:
    without = [name for name, table in METADATA.tables.items() if "organisation_id" not in table.c]
    assert without == ["organisations"]
    nullable = [
        name for name, table in METADATA.tables.items() if name not in without and table.c.organisation_id.nullable
    ]
    assert nullable == []


def test_a_service_key_opens_what_its_role_may(product: Product) -> None:
    made = product.organisation("first")
    answered = made.client("viewer").get("/api/v1/nothing")
    assert answered.status_code == 404
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.json()["code"] == "no_such_path"
