"""Rows of a database query, pinned by the sha256 of a snapshot that is kept in the cache.

Once a snapshot with the pinned sha256 is in the cache the database is not asked again: the rows of an experiment stay
the same although the database moves on.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from apps.ml.artifact_paths import repository_root
from apps.ml.data.declaration import Reading, SQLSource
from apps.ml.data.sources.cache import cached_file, cached_path
from apps.ml.data.sources.declared_reading import as_declared, require_distinct
from apps.ml.data.sources.raw_table import RawTable
from apps.ml.data.sources.snapshot import read_snapshot, write_snapshot
from apps.ml.data.sources.text_values import as_text
from apps.ml.errors import ServiceUnavailableError, SourceError
from apps.ml.files import sha256_of_file, whole_file

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine


def read(source: SQLSource, reading: Reading) -> RawTable:
    """Return the rows of the pinned snapshot; ask the database only if the cache does not hold it."""
    frame = as_declared(read_snapshot(take_snapshot(source)), reading, "the query's result")
    return RawTable(frame, np.full(len(frame), "", dtype=np.str_), source.sha256)


def take_snapshot(source: SQLSource) -> Path:
    """Return the snapshot whose sha256 is the pinned one; make it from the database if it is not in the cache.

    Raises
    ------
    SourceError
        A variable of the address is not set, the query fails, or the rows are not the pinned ones (nothing is kept).
    ServiceUnavailableError
        The database does not answer.
    """
    cached = cached_file(source.sha256)
    if cached is not None:
        return cached
    frame = _query(address(source.url), source.query)
    path = cached_path(source.sha256)
    with whole_file(path) as temporary:
        write_snapshot(temporary, frame)
        found = sha256_of_file(temporary)
        if found != source.sha256:
            raise SourceError(
                f"the query's result ({len(frame)} rows) has sha256 {found}, the declaration pins {source.sha256}; "
                f"nothing was kept. If these are the rows that you want, pin `sha256: {found}`. If it changes from "
                "call to call, let the query order its rows."
            )
    return path


def address(url: str) -> "URL":
    """Return a SQLAlchemy address with `${VARIABLES}` filled in and a relative SQLite path below the repository."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(re.sub(r"\$\{(\w+)\}", _variable, url))
    except (ArgumentError, ValueError) as error:
        raise SourceError(
            "`source.url` is no SQLAlchemy address once its variables are filled in; expected for instance "
            "postgresql://user:${PASSWORD}@host/database. Mend it."
        ) from error
    if _sqlite_file(parsed):
        return parsed.set(database=str(repository_root() / str(parsed.database)))
    return parsed


def _variable(match: re.Match[str]) -> str:
    value = os.environ.get(match[1])
    if value is None:
        raise SourceError(
            f"`source.url` needs the environment variable {match[1]}, which is not set. Set it and run again."
        )
    return value


def _sqlite_file(url: "URL") -> bool:
    return (
        url.get_backend_name() == "sqlite" and bool(url.database) and not str(url.database).startswith((":", "file:"))
    )


def _query(url: "URL", query: str) -> pd.DataFrame:
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    if _sqlite_file(url) and not Path(str(url.database)).is_file():  # else the driver would make an empty one
        raise ServiceUnavailableError(
            f"the SQLite file {url.database} does not exist. Put it there or mend `source.url`."
        )
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            return _rows(connection, query)
    except (DBAPIError, OSError) as error:
        raise ServiceUnavailableError(
            f"the database {place(url)} does not answer ({type(error).__name__}). Start it, or mend `source.url` and "
            "the account in it."
        ) from error
    except SQLAlchemyError as error:
        raise SourceError(
            f"the database {place(url)} cannot be used ({type(error).__name__}). Mend `source.url`."
        ) from error
    finally:
        engine.dispose()


def _engine(url: "URL") -> "Engine":
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        return create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError, ArgumentError) as error:
        raise SourceError(
            f"no driver for '{url.drivername}' is installed. Install the package of the driver that SQLAlchemy's "
            "documentation names, or mend `source.url`."
        ) from error


def place(url: "URL") -> str:
    """Return where a database is, without user, password and options."""
    host = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    return f"{url.drivername}://{host}/{url.database or ''}"


def _rows(connection: "Connection", query: str) -> pd.DataFrame:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        result = connection.execute(text(query))
        names, rows = list(result.keys()), [tuple(row) for row in result]
    except SQLAlchemyError as error:
        raise SourceError(f"the query fails: {_reason(error)}. Mend `source.query`.") from error
    require_distinct(names, "the query's result")
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    return as_text(frame, "the query's result")


def _reason(error: Exception) -> str:
    """Return the database's own words where they speak of tables and columns; other errors may quote values."""
    from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

    if isinstance(error, OperationalError | ProgrammingError):
        return str(error.orig).splitlines()[0].rstrip(".")
    return type(error.orig if isinstance(error, DBAPIError) else error).__name__
