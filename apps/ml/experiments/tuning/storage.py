"""Where a study is kept: in memory, in a SQLite file, or in PostgreSQL; and who may change it at a time."""

import fcntl
import logging
import os
import socket
import sqlite3
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.tracking_address import SQLITE, printable

STORAGE_VARIABLE = "FAIRMIND_TUNING_STORAGE"
POSTGRESQL = ("postgresql", "postgres")
DRIVER = "postgresql+psycopg"
BUSY_SECONDS = 60.0
"""How long a process waits for a SQLite file that another one writes."""

CONNECT_SECONDS = 5
MEMORY = ""


@dataclass(frozen=True)
class Place:
    """Where studies are kept and how a dead worker is told from a slow one.

    `address`: of SQLAlchemy, :data:`MEMORY` for none. A worker says every `heartbeat_seconds` that it is alive; silent
    for `grace_seconds`, it is taken for dead and its trial is done again.
    """

    address: str = MEMORY
    heartbeat_seconds: int = 10
    grace_seconds: int = 60

    @property
    def in_memory(self) -> bool:
        """Whether it ends with the process."""
        return self.address == MEMORY

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine."""
        return self.address.startswith(SQLITE)

    @property
    def shown(self) -> str:
        """The address without user name and password."""
        return self.address if self.is_file else printable(self.address)


def place_of(address: str | None, default: Path) -> Place:
    """Return the place that is asked for: `address`, else the environment's, else a SQLite file.

    Raises
    ------
    BadInputError
        The address is of no database that studies can be kept in.
    """
    given = address or os.environ.get(STORAGE_VARIABLE) or f"{SQLITE}{default.resolve()}"
    if given.startswith(SQLITE):
        return Place(f"{SQLITE}{Path(given.removeprefix(SQLITE)).resolve()}")
    scheme, separator, rest = given.partition("://")
    if not separator or scheme.partition("+")[0] not in POSTGRESQL:
        raise BadInputError(
            f"a study is kept in a SQLite file or in PostgreSQL, and the address begins with neither. Write {SQLITE}"
            f"<file> or postgresql://<user>@<host>/<database>, under --storage or {STORAGE_VARIABLE}."
        )
    return Place(f"{DRIVER}://{rest}")


class StudyLock:
    """Lets one process at a time start trials of the studies of one place; it ends with the process that holds it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._file: IO[str] | None = None
        self._connection: Any = None
        self._held = False

    def acquire(self) -> None:
        """Wait until nobody else holds it."""
        if self._held:
            return
        if self._place.is_file:
            self._lock_file()
        elif not self._place.in_memory:
            self._lock_database()
        self._held = True

    def release(self) -> None:
        """Give it back; nothing happens where it is not held."""
        if not self._held:
            return
        self._held = False
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        if self._connection is not None:
            self._execute("select pg_advisory_unlock(:key)")

    def close(self) -> None:
        """Give it back and close what it was held with."""
        self.release()
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            engine = self._connection.engine
            self._connection.close()
            engine.dispose()
            self._connection = None

    def __enter__(self) -> "StudyLock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _lock_file(self) -> None:
        if self._file is None:
            path = Path(self._place.address.removeprefix(SQLITE))
            self._file = path.with_name(path.name + ".lock").open("a")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def _lock_database(self) -> None:
        import sqlalchemy

        if self._connection is None:
            engine = sqlalchemy.create_engine(
                self._place.address, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": CONNECT_SECONDS}
            )
            self._connection = engine.connect()
        self._execute("select pg_advisory_lock(:key)")

    def _execute(self, statement: str) -> None:
        import sqlalchemy

        key = zlib.crc32(b"fairmind tuning")
        self._connection.execute(sqlalchemy.text(statement), {"key": key})


def open_storage(place: Place, lock: StudyLock) -> Any:
    """Return Optuna's storage at a place, its tables made if need be by one process at a time.

    Raises
    ------
    BadInputError
        The SQLite file cannot be written, or is none.
    ServiceUnavailableError
        The database does not answer.
    """
    import optuna
    from optuna.exceptions import ExperimentalWarning

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if place.in_memory:
        return optuna.storages.InMemoryStorage()
    if place.is_file:
        _prepare_file(Path(place.address.removeprefix(SQLITE)))
    else:
        _require_reachable(place)
    with failures_of(place), lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.storages.RDBStorage(
            place.address.replace("{", "{{").replace("}", "}}"),
            engine_kwargs=_engine_options(place),
            heartbeat_interval=place.heartbeat_seconds,
            grace_period=place.grace_seconds,
        )


@contextmanager
def failures_of(place: Place) -> Iterator[None]:
    """Turn whatever the database raises into one sentence without a password."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise ServiceUnavailableError(
            f"the database of the study at {place.shown} does not answer as it should ({type(error).__name__}). Start "
            f"or mend it, or give another address by --storage or {STORAGE_VARIABLE}."
        ) from error


def close_storage(storage: Any) -> None:
    """Close every connection of a storage."""
    engine = getattr(storage, "engine", None)
    if engine is not None:
        storage.remove_session()
        engine.dispose()


def _engine_options(place: Place) -> dict[str, Any]:
    if place.is_file:
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_SECONDS}}


def _prepare_file(path: Path) -> None:
    """Create the folder and set the journal that lets several processes write without waiting for each other's disk."""
    logging.getLogger("alembic").setLevel(logging.ERROR)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
        try:
            connection.execute("pragma journal_mode=wal")
        finally:
            connection.close()
    except (OSError, sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        raise BadInputError(
            f"{path} cannot be used as the file of a study ({type(error).__name__}). Give another one by --storage, or "
            "remove it."
        ) from error


def _require_reachable(place: Place) -> None:
    parts = urlsplit(place.address)
    if not parts.hostname:
        return
    try:
        socket.create_connection((parts.hostname, parts.port or 5432), CONNECT_SECONDS).close()
    except OSError as error:
        raise ServiceUnavailableError(
            f"{place.shown} does not answer ({error.strerror or type(error).__name__}). Start the database there, or "
            f"give another address by --storage or {STORAGE_VARIABLE}."
        ) from error
