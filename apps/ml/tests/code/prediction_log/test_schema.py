"""The tables: made and taken back by migrations, the same as the code says, by whoever starts first."""

import sqlite3
import stat
import threading
import time
from contextlib import closing
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.prediction_log import database
from apps.ml.prediction_log.database import answering, database_address, open_database
from apps.ml.prediction_log.schema import VERSION_TABLE, downgrade, newest_revision, require_current, upgrade
from apps.ml.prediction_log.tables import metadata


def test_upgrade_makes_the_tables_that_the_code_speaks_of(engine: Engine) -> None:
    ours = {*metadata.tables, VERSION_TABLE}

    def is_ours(found: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name in ours

    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "include_object": is_ours, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_downgrade_takes_everything_back_and_upgrade_makes_it_again(engine: Engine) -> None:
    upgrade(engine)
    downgrade(engine)
    assert set(inspect(engine).get_table_names()) <= {VERSION_TABLE}
    assert inspect(engine).get_view_names() == []
    with pytest.raises(BadInputError, match="holds no prediction log"):
        require_current(engine)
    upgrade(engine)
    require_current(engine)


def test_tables_of_another_version_are_refused_with_the_command_that_mends_it(engine: Engine) -> None:
    downgrade(engine, "0001")
    if newest_revision() != "0001":
        with pytest.raises(BadInputError, match="fairmind log upgrade"):
            require_current(engine)
    upgrade(engine)
    require_current(engine)


def test_several_that_start_at_once_make_the_tables_once(address: str) -> None:
    engines = [open_database(address, create=True) for _ in range(4)]
    failures: list[BaseException] = []

    def start(engine: Engine) -> None:
        try:
            upgrade(engine)
        except BaseException as error:  # noqa: BLE001 (told to the test)
            failures.append(error)

    threads = [threading.Thread(target=start, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    require_current(engines[0])
    for engine in engines:
        engine.dispose()


def test_a_new_sqlite_file_that_somebody_writes_to_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes first switches the file to a write-ahead log; SQLite by itself refuses the others at once."""
    made = open_database(f"sqlite:///{tmp_path}/log.db", create=True)
    waits: list[float] = []
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def until_the_other_ends(seconds: float) -> None:
            waits.append(seconds)
            other.execute("COMMIT")

        monkeypatch.setattr(database, "time", SimpleNamespace(monotonic=time.monotonic, sleep=until_the_other_ends))
        with made.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    assert len(waits) == 1


def test_an_sqlite_file_that_stays_locked_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, clock = open_database(f"sqlite:///{tmp_path}/log.db", create=True), count(step=3)
    monkeypatch.setattr(database, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ServiceUnavailableError, match="does not answer"), answering(made):
            upgrade(made)


def test_an_sqlite_file_is_made_for_its_owner_alone_and_only_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a folder%20 ?#" / "log.db"
    address = "sqlite:///" + str(path).replace("?", "%3F")
    absent = open_database(f"sqlite:///{tmp_path}/absent.db")
    with pytest.raises(ServiceUnavailableError, match=r"absent\.db does not answer"), answering(absent):
        upgrade(absent)
    assert not (tmp_path / "absent.db").exists()
    made = open_database(address, create=True)
    upgrade(made)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*.db*")}
    assert modes == {0o600}


@pytest.mark.parametrize("address", ["mysql://x@y/z", "not an address", "sqlite://", "sqlite:///:memory:"])
def test_an_address_where_no_log_can_be_kept_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(BadInputError, match=r"cannot be kept at the address in DATABASE_URL.*Write sqlite:///"):
        open_database(address)


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    engine = open_database("postgresql://me:secret@127.0.0.1:9/log")
    refused = pytest.raises(ServiceUnavailableError, match=r"postgresql://127\.0\.0\.1:9/log does not answer")
    with refused as caught, answering(engine):
        upgrade(engine)
    assert "secret" not in str(caught.value)


def test_the_default_is_an_sqlite_file_in_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert database_address() == "sqlite:///fairmind.db"
    monkeypatch.setenv("DATABASE_URL", "postgres://host/log")
    assert open_database().url.drivername == "postgresql+psycopg"
