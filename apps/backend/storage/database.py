"""The database of the product: SQLite by default, PostgreSQL by its address; all access is asynchronous."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from apps.backend.problems import unavailable
from apps.backend.settings import DATABASE_VARIABLE, SettingError

WRITES = "backend_writes"
BUSY_SECONDS = 10.0
CONNECT_SECONDS = 5
CONNECTIONS = 10
FILE_MODE = 0o600
AGAIN_SECONDS = 0.01
PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "busy_timeout=10000")
PRIMARY_CODE = 0xFF
"""The bits of an SQLite error that tell its kind; the others tell more about it."""


class Database:
    """One database; to be used in one event loop.

    Whoever writes to SQLite waits for the writer before, in this process by a lock and between processes by the file's.
    """

    def __init__(self, address: str, *, create: bool = False) -> None:
        self.engine = _engine(address, create)
        self._writers = asyncio.Lock() if self.engine.dialect.name == "sqlite" else None

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection that reads in one transaction.

        Raises
        ------
        ProblemError
            503 the database does not answer.
        """
        with_problem = _Away()
        async with with_problem, self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in one transaction that writes: committed at the end, or rolled back whole.

        Raises
        ------
        ProblemError
            503 the database does not answer.
        """
        async with _Away():
            if self._writers is None:
                async with self.engine.begin() as connection:
                    yield connection
                return
            async with self._writers, self.engine.connect() as connection:
                writer = await connection.execution_options(**{WRITES: True})
                async with writer.begin():
                    yield writer

    async def close(self) -> None:
        """Close the connections."""
        await self.engine.dispose()


class _Away:
    """Turns failures to reach the database into a 503; what it says of the written rows stays as it is."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        away = isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError)
        if away or isinstance(error, OSError | NoFreeConnection):
            raise unavailable(
                "database_away", "The database does not answer. Nothing was written; ask again later."
            ) from error


def _engine(address: str, create: bool) -> AsyncEngine:
    url = _url(address)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, create)
    if url.get_backend_name() != "postgresql":
        raise _unusable(f"{url.get_backend_name()} is neither SQLite nor PostgreSQL")
    return create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": CONNECT_SECONDS},
        pool_pre_ping=True,
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS,
        pool_timeout=BUSY_SECONDS,
    )


def _sqlite(url: URL, create: bool) -> AsyncEngine:
    if not url.database or url.database.startswith((":", "file:")):
        raise _unusable("SQLite needs a file here")
    path = Path(url.database).absolute()
    if not create and not path.exists():
        raise _unusable("there is no such file; `fairmind-backend migrate` makes it")
    if create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE))
        except OSError as error:
            raise _unusable(f"the file cannot be made ({error.strerror})") from error
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS},
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS,
        pool_timeout=BUSY_SECONDS,
    )
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin below, and not when the driver thinks that they should
    cursor = connection.cursor()
    _log_ahead(cursor)
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _log_ahead(cursor: Any) -> None:
    """Switch a new file to a write-ahead log, when whoever else writes to it has ended: here SQLite does not wait."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
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


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise _unusable("it is no address") from error
    return url.set(drivername="postgresql") if url.drivername == "postgres" else url


def _unusable(why: str) -> SettingError:
    return SettingError(
        f"{DATABASE_VARIABLE} names no database that can be used: {why}. Write sqlite:///file.db or "
        "postgresql://user:password@host/database."
    )
