"""The database of the prediction log: SQLite by default, PostgreSQL by its address."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from apps.ml.errors import BadInputError, ServiceUnavailableError

DATABASE_VARIABLE = "DATABASE_URL"
DEFAULT_DATABASE = "sqlite:///fairmind.db"
WRITES = "fairmind_writes"
BUSY_SECONDS = 5.0
AGAIN_SECONDS = 0.01
CONNECT_SECONDS = 5
ANSWER_MILLISECONDS = 20_000
"""How long PostgreSQL may leave bytes unacknowledged before the connection counts as broken."""

PRIMARY_CODE = 0xFF
"""The bits of an SQLite error that tell its kind; the others tell more about it."""

FILE_MODE = 0o600
ERASURE_LOCK = 4_660_912_005
"""Name of the advisory lock by which erasures and the writer of PostgreSQL exclude each other."""


def database_address() -> str:
    """Return DATABASE_URL, or an SQLite file in the current folder."""
    return os.environ.get(DATABASE_VARIABLE) or DEFAULT_DATABASE


def open_database(address: str | None = None, *, create: bool = False) -> Engine:
    """Return an engine for `address` (None: :func:`database_address`); nothing is connected yet.

    Parameters
    ----------
    create
        Make an SQLite file that does not exist, readable by its owner alone. Without it a missing file is a database
        that does not answer: a file that was moved away is not replaced by an empty one.

    Raises
    ------
    BadInputError
        The address is none that the log can be kept at.
    """
    url = _url(address or database_address())
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, create)
    if url.get_backend_name() != "postgresql":
        raise _unusable(f"{url.get_backend_name()} is neither SQLite nor PostgreSQL")
    settings = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": ANSWER_MILLISECONDS}
    return create_engine(url.set(drivername="postgresql+psycopg"), connect_args=settings, pool_pre_ping=True)


@contextmanager
def writing(engine: Engine, *, erasing: bool = False) -> Iterator[Connection]:
    """Yield a connection in one transaction that writes; committed at the end, or rolled back whole.

    Erasures exclude the writer, so that no entry slips in between the tombstone and the rows that are emptied.
    """
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            shared = "" if erasing else "_shared"
            connection.execute(text(f"SELECT pg_advisory_xact_lock{shared}({ERASURE_LOCK})"))
        yield connection


@contextmanager
def answering(engine: Engine) -> Iterator[Engine]:
    """Turn failures to reach the database into :class:`ServiceUnavailableError`."""
    try:
        yield engine
    except DBAPIError as error:
        if not is_away(error):
            raise
        raise ServiceUnavailableError(
            f"The database {printable(engine.url)} does not answer ({type(error.orig).__name__}). Start or mend it, or "
            f"set {DATABASE_VARIABLE} to one that runs."
        ) from error


def is_away(error: DBAPIError) -> bool:
    """Tell whether an error speaks of the database and not of what was to be written."""
    return not isinstance(error, DataError | IntegrityError)


def printable(url: URL) -> str:
    """Return an address without user name, password and options."""
    host = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    return f"{url.get_backend_name()}://{host}/{url.database or ''}"


def sqlite_file(engine: Engine) -> Path | None:
    """Return the file of an SQLite database, None for PostgreSQL."""
    return Path(str(engine.url.database)) if engine.dialect.name == "sqlite" else None


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise _unusable("it is no address") from error
    return url.set(drivername="postgresql") if url.drivername == "postgres" else url


def _unusable(why: str) -> BadInputError:
    return BadInputError(
        f"The prediction log cannot be kept at the address in {DATABASE_VARIABLE}: {why}. Write sqlite:///file.db or "
        "postgresql://user:password@host/database."
    )


def _sqlite(url: URL, create: bool) -> Engine:
    if not url.database or url.database.startswith((":", "file:")):
        raise _unusable("SQLite needs a file here")
    path = Path(url.database).absolute()
    if create:
        _create(path)

    # Every transaction opens the file anew: one kept open would go on into a file that was moved away or removed.
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, check_same_thread=False)

    engine = create_engine(URL.create("sqlite", database=str(path)), creator=connect, poolclass=NullPool)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE))
    except OSError as error:
        raise _unusable(f"the file cannot be made ({error.strerror})") from error


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin below, and not when the driver thinks that they should
    _log_ahead(connection)
    for pragma in ("synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Switch a new file to a write-ahead log, when whoever else writes to it has ended: here SQLite does not wait."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    """Whoever writes takes the lock at once: an upgrade of a reader's lock in the middle cannot wait and fails."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
