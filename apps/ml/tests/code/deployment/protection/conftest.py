"""Databases with the migrated tables, and keys and doors over them."""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete

from apps.ml.deployment.observation.logs import SERVER_LOGGER
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_store import NewKey, Wanted, create_key
from apps.ml.deployment.protection.tables import METADATA
from apps.ml.deployment.protection.wrong_keys import WrongKeys
from apps.ml.prediction_log import database
from apps.ml.prediction_log.database import open_database, writing
from apps.ml.prediction_log.schema import upgrade
from apps.ml.tests.protected_server import Clock, MakeDoor, MakeKey, ring_of
from tests.postgres import running_postgres, why_no_postgres

PATIENCE_SECONDS = 60
"""For a database that others use as well."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server_lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What the server logs, whatever a test before set up."""
    logger = logging.getLogger(SERVER_LOGGER)
    monkeypatch.setattr(logger, "propagate", True)
    caplog.set_level(logging.INFO, SERVER_LOGGER)
    return caplog


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A migrated SQLite database of its own, whose writers wait for each other as long as that takes."""
    monkeypatch.setattr(database, "BUSY_SECONDS", PATIENCE_SECONDS)
    engine = open_database(f"sqlite:///{tmp_path / 'fairmind.db'}", create=True)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    why = why_no_postgres()
    if why:
        pytest.skip(why)
    with running_postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A migrated database whose tables of keys and administration are empty; of both kinds in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    monkeypatch.setattr(database, "CONNECT_SECONDS", PATIENCE_SECONDS)
    engine = open_database(request.getfixturevalue("postgres_address"))
    upgrade(engine)
    yield engine
    with writing(engine) as connection:
        for table in METADATA.sorted_tables:
            connection.execute(delete(table))
    engine.dispose()


@pytest.fixture
def make_key(sqlite: Engine, clock: Clock) -> MakeKey:
    """Makes keys in the SQLite database."""

    def make(name: str = "backend", *scopes: str, lifetime: int | None = None, per_minute: int | None = None) -> NewKey:
        with writing(sqlite) as connection:
            return create_key(connection, Wanted(name, scopes or ("predict",), lifetime, per_minute), clock.moment)

    return make


@pytest.fixture
def make_door(sqlite: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> MakeDoor:
    """Makes doors over the keys that the SQLite database holds by then; time stands still for wrong keys too."""
    wrong_keys = partial(WrongKeys, clock=clock.monotonic)
    monkeypatch.setattr("apps.ml.deployment.protection.door.WrongKeys", wrong_keys)

    def make(**settings: Any) -> Door:
        return Door(DoorSettings(**settings), ring_of(sqlite, clock))

    return make
