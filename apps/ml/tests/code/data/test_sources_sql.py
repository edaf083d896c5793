"""Databases: rows of a query in a real SQLite file, pinned by the digest of their snapshot."""

import re
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.ml.data.declaration import Reading, SQLSource
from apps.ml.data.sources.snapshot import read_snapshot, write_snapshot
from apps.ml.data.sources.sql import address, place, read
from apps.ml.errors import FairMindError, ServiceUnavailableError, SourceError
from apps.ml.tests.local_server import closed_port

QUERY = "SELECT id, income, city, repaid FROM loans ORDER BY id"
NO_DIGEST = "0" * 64


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("FAIRMIND_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "loans.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE loans (id INTEGER, income REAL, city TEXT, repaid BOOLEAN)")
        rows = [(2, 1200.5, "Bern", 1), (1, 900.0, None, 0), (3, None, "", 1)]
        connection.executemany("INSERT INTO loans VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return path


def source(url: str, query: str = QUERY, sha256: str = NO_DIGEST) -> SQLSource:
    return SQLSource(kind="sql", url=url, query=query, sha256=sha256)


def digest_told_by_the_error(wanted: SQLSource) -> str:
    with pytest.raises(SourceError, match=r"\(3 rows\) has sha256 [0-9a-f]{64}.*nothing was kept") as caught:
        read(wanted, Reading())
    found = re.search(r"pin `sha256: ([0-9a-f]{64})`", str(caught.value))
    assert found is not None
    return found[1]


def test_rows_are_read_as_text_and_stay_pinned_when_the_database_moves_on(database: Path, tmp_path: Path) -> None:
    url = "sqlite:///loans.db"
    digest = digest_told_by_the_error(source(url))
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    table = read(source(url, sha256=digest), Reading())
    database.unlink()
    again = read(source(url, sha256=digest), Reading())
    pd.testing.assert_frame_equal(table.frame, again.frame)
    assert table.digest == digest
    assert table.frame["id"].tolist() == ["1", "2", "3"]
    assert table.frame["income"].fillna("missing").tolist() == ["900", "1200.5", "missing"]
    assert table.frame["city"].isna().tolist() == [True, False, True]


def test_an_empty_text_is_missing_only_where_that_is_declared(database: Path) -> None:
    digest = digest_told_by_the_error(source("sqlite:///loans.db"))
    table = read(source("sqlite:///loans.db", sha256=digest), Reading(missing=()))
    assert table.frame["city"].isna().tolist() == [True, False, False]


def test_changed_rows_are_not_the_pinned_ones(database: Path) -> None:
    digest = digest_told_by_the_error(source("sqlite:///loans.db"))
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE loans SET repaid = 0")
    connection.close()
    with pytest.raises(SourceError, match=f"pins {digest}; nothing was kept"):
        read(source("sqlite:///loans.db", sha256=digest), Reading())


def test_reading_never_changes_the_database(database: Path) -> None:
    with pytest.raises(SourceError, match="the query fails"):
        read(source("sqlite:///loans.db", "DELETE FROM loans"), Reading())
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM loans").fetchone() == (3,)
    connection.close()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT colour FROM loans", "the query fails: no such column: colour. Mend `source.query`"),
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("SELEC 1", "the query fails"),
        ("SELECT id, id FROM loans", r"more than once: 'id' \(2 times\)"),
        ("SELECT x'00' AS picture", "column 'picture' holds bytes values"),
    ],
)
def test_a_query_that_cannot_be_used_says_why(database: Path, query: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(source("sqlite:///loans.db", query), Reading())


def test_a_query_without_rows_is_refused_once_it_is_pinned(database: Path) -> None:
    query = "SELECT * FROM loans WHERE id > 9"
    with pytest.raises(SourceError, match=r"\(0 rows\)") as caught:
        read(source("sqlite:///loans.db", query), Reading())
    digest = re.findall(r"[0-9a-f]{64}", str(caught.value))[0]
    with pytest.raises(SourceError, match="no rows"):
        read(source("sqlite:///loans.db", query, digest), Reading())


def test_an_absent_sqlite_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailableError, match=r"gone\.db does not exist"):
        read(source("sqlite:///gone.db"), Reading())
    assert not (tmp_path / "gone.db").exists()


def test_a_database_that_does_not_answer_is_a_service_that_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailableError, match=r"sqlite:///file:gone\.db does not answer") as caught:
        read(source("sqlite:///file:gone.db?mode=ro&uri=true"), Reading())
    assert caught.value.exit_code == 4


def test_a_variable_of_the_address_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOANS_PASSWORD", raising=False)
    with pytest.raises(SourceError, match="needs the environment variable LOANS_PASSWORD, which is not set"):
        read(source("postgresql://reader:${LOANS_PASSWORD}@host/loans"), Reading())


def test_a_variable_of_the_address_is_filled_in(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS", "loans")
    assert address("sqlite:///${LOANS}.db").database == str(database)


@pytest.mark.parametrize(
    "url",
    [
        "nosuchdatabase://reader:${LOANS_PASSWORD}@127.0.0.1/loans",
        "reader:${LOANS_PASSWORD}",
        "postgresql://reader:${LOANS_PASSWORD}@127.0.0.1:PORT/loans?password=${LOANS_PASSWORD}",
        "postgresql://reader:${LOANS_PASSWORD}@127.0.0.1:notaport/loans",
    ],
)
def test_no_error_ever_shows_the_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS_PASSWORD", "hunter2")
    with pytest.raises(FairMindError, match=r"`source\.url`") as caught:
        read(source(url.replace("PORT", str(closed_port()))), Reading())
    assert "hunter2" not in str(caught.value)


def test_the_place_of_a_database_shows_neither_user_nor_password_nor_options() -> None:
    url = address("postgresql://reader:hunter2@db.example.org:5433/loans?password=hunter3")
    assert place(url) == "postgresql://db.example.org:5433/loans"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database " * 100, encoding="utf-8")
    with pytest.raises(SourceError, match="the query fails"):
        read(source("sqlite:///text.db"), Reading())


@given(
    rows=st.lists(
        st.tuples(st.none() | st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), min_size=1
    )
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_snapshot_gives_back_what_was_written(tmp_path: Path, rows: list[tuple[str | None, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="str")
    write_snapshot(tmp_path / "snapshot", frame)
    pd.testing.assert_frame_equal(read_snapshot(tmp_path / "snapshot"), frame)
