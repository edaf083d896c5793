"""Bringing the tables of a database to the state that this code writes."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from apps.ml.errors import BadInputError
from apps.ml.prediction_log.database import printable, sqlite_file, writing

VERSION_TABLE = "fairmind_ml_alembic_version"
MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATION_LOCK = 4_660_912_006
NEWEST = "head"
NOTHING = "base"


def upgrade(engine: Engine, revision: str = NEWEST) -> None:
    """Apply the changes that are missing, in one transaction; whoever starts at the same time waits.

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        The database does not answer.
    """
    with writing(engine) as connection:
        _lock(connection)
        command.upgrade(_configuration(connection), revision)


def downgrade(engine: Engine, revision: str = NOTHING) -> None:
    """Take changes back, down to `revision`; the rows of what is taken back are lost."""
    with writing(engine) as connection:
        _lock(connection)
        command.downgrade(_configuration(connection), revision)


def newest_revision() -> str:
    """Return the name of the last change."""
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def revision_of(connection: Connection) -> str | None:
    """Return the last change that was applied; None for a database without the log."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def require_current(engine: Engine) -> None:
    """Check that the tables are those that this code reads.

    Raises
    ------
    BadInputError
        There is no prediction log at this address, or its tables are of another version.
    """
    path = sqlite_file(engine)
    place = printable(engine.url)
    if path is not None and not path.exists():
        raise BadInputError(f"There is no prediction log at {place}. Start `fairmind serve`, or set DATABASE_URL.")
    with engine.connect() as connection:
        found = revision_of(connection)
    if found is None:
        raise BadInputError(f"{place} holds no prediction log. Start `fairmind serve`, or set DATABASE_URL.")
    if found != newest_revision():
        raise BadInputError(
            f"The prediction log at {place} has tables of version {found}, this code reads {newest_revision()}. Run "
            "`fairmind log upgrade` with the newer of the two."
        )


def _lock(connection: Connection) -> None:
    """SQLite's transaction holds the lock already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))


def _configuration(connection: Connection) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration
