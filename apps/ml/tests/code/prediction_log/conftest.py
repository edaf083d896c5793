"""A state folder, and the same tests on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, make_url, text

from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.entries import Entry
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.schema import upgrade
from apps.ml.prediction_log.writer import LogWriter
from tests.postgres import running_postgres, why_no_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL that the tests of this folder share."""
    reason = why_no_postgres()
    if reason is not None:
        pytest.skip(reason)
    with running_postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of this test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/fairmind.db"
    server = make_url(request.getfixturevalue("postgres"))
    name = f"log_{uuid4().hex}"
    engine = open_database(server.render_as_string(hide_password=False))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    """A database with the newest tables."""
    opened = open_database(address, create=True)
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of journals of a server's state."""
    return tmp_path / "state" / "journal"


def append_all(root: Path, *entries: Entry) -> None:
    """Let a process of its own (a journal that is then closed) append entries."""
    journal = Journal(root / "worker", segment_bytes=1 << 16)
    for entry in entries:
        journal.append(entry)
    journal.close()


def write_all(engine: Engine, root: Path, *entries: Entry, batch_entries: int = 1000) -> None:
    """Append entries and move everything that waits into the database."""
    append_all(root, *entries)
    writer = LogWriter(engine, root, batch_entries=batch_entries)
    while (written := writer.write_once()).entries or written.more:
        pass
