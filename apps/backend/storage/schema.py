"""Bringing the tables of a database to the state that this code writes."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from apps.backend.storage.database import Database

VERSION_TABLE = "fairmind_backend_alembic_version"
MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATION_LOCK = 4_660_912_016
NEWEST = "heads"
NOTHING = "base"


async def upgrade(database: Database, revision: str = NEWEST) -> None:
    """Apply the changes that are missing, in one transaction; whoever starts at the same time waits."""
    async with database.writing() as connection:
        await connection.run_sync(lambda on: command.upgrade(_configuration(_locked(on)), revision))


async def downgrade(database: Database, revision: str = NOTHING) -> None:
    """Take changes back, down to `revision`; the rows of what is taken back are lost."""
    async with database.writing() as connection:
        await connection.run_sync(lambda on: command.downgrade(_configuration(_locked(on)), revision))


async def is_current(database: Database) -> bool:
    """Tell whether the database has the tables that this code reads."""
    async with database.reading() as connection:
        return set(await connection.run_sync(_revisions)) == newest_revisions()


def newest_revisions() -> set[str]:
    """Return the names of the last changes."""
    return set(ScriptDirectory(str(MIGRATIONS)).get_heads())


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
