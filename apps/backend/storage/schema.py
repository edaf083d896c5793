"""Bringing the tables of a database to the state that this code writes."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from apps.backend.settings import DATABASE_VARIABLE, SettingError
from apps.backend.storage.database import Database

VERSION_TABLE = "fairmind_backend_alembic_version"
MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATION_LOCK = 4_660_912_016
NEWEST = "head"
NOTHING = "base"


async def upgrade(database: Database, revision: str = NEWEST) -> None:
    """Apply the changes that are missing, in one transaction; whoever starts at the same time waits.

    Raises
    ------
    SettingError
        The database has changes that this code does not know, or `revision` is none.
    """
    await _change(database, lambda on: command.upgrade(_configuration(_locked(on)), revision))


async def downgrade(database: Database, revision: str = NOTHING) -> None:
    """Take changes back, down to `revision`; the rows of what is taken back are lost.

    Raises
    ------
    SettingError
        As :func:`upgrade`.
    """
    await _change(database, lambda on: command.downgrade(_configuration(_locked(on)), revision))


async def is_current(database: Database) -> bool:
    """Tell whether the database has the tables that this code reads."""
    return await applied_revisions(database) == newest_revisions()


async def applied_revisions(database: Database) -> frozenset[str]:
    """Return the names of the last changes that were applied to a database."""
    async with database.reading() as connection:
        return frozenset(await connection.run_sync(_revisions))


@cache
def newest_revisions() -> frozenset[str]:
    """Return the names of the last changes."""
    return frozenset(ScriptDirectory(str(MIGRATIONS)).get_heads())


async def _change(database: Database, work: Callable[[Connection], None]) -> None:
    try:
        async with database.writing() as connection:
            await connection.run_sync(work)
    except CommandError as error:
        raise SettingError(
            f"The tables of {DATABASE_VARIABLE} cannot be changed: this version knows no such change, or another made "
            "them. Start the version that made them; `fairmind-backend migrate show` tells more."
        ) from error


def _revisions(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()


def _locked(connection: Connection) -> Connection:
    """SQLite's transaction holds the lock already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
    return connection


def _configuration(connection: Connection) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration
