"""The database goes away under load and comes back: answers go on, the lag is told, and then everything is there."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.deployment.server.keeper_process import KeeperProcess
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.state_folder import journal_root
from apps.ml.tests.code.deployment.conftest import running, wait_until_finished
from apps.ml.tests.code.deployment.server_faults.away import locked_by_another_process
from apps.ml.tests.code.deployment.server_faults.conftest import Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import under_load
from apps.ml.tests.code.deployment.server_faults.processes import wait_until
from apps.ml.tests.code.deployment.server_faults.stored import assert_all_logged, assert_right, calls_in, metric
from apps.ml.tests.code.prediction_log.test_faults import stopped_postgres
from apps.ml.tests.postgres import running_postgres, why_no_postgres
from apps.ml.tests.served_process import served_process

OUTAGE_SECONDS = 2.5
SLACK_SECONDS = 1.0
"""The keeper tells of its lag twice a second."""

SOME = 50
Away = tuple[str, AbstractContextManager[None]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Away]:
    """The address of an empty database, and what takes it away as long as it lasts."""
    if request.param == "sqlite":
        yield log_of(tmp_path), locked_by_another_process(tmp_path / "log.db")
        return
    why = why_no_postgres()
    if why is not None:
        pytest.skip(why)
    with running_postgres() as address:
        yield address, stopped_postgres(open_database(address))


def lag_of(client: httpx.Client) -> float:
    told = metric(client.get("/metrics").text, "fairmind_log_lag_seconds")
    assert told is not None
    return told


def test_while_the_database_is_away_answers_go_on_and_the_lag_is_told_and_then_everything_is_there_once(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]], folder_scores: Scores, database: Away
) -> None:
    address, away = database
    environment = {"DATABASE_URL": address}
    with served_process(tmp_path, "--model", str(bundle_folder), environment=environment) as server:
        server.wait_until_ready()
        with under_load(server.address, rows) as heard, server.client() as client:
            wait_until(lambda: len(heard.told) > SOME)
            wait_until(lambda: calls_in(address) > 0)
            about_to_go = time.monotonic()
            with away:
                gone, told = time.monotonic(), len(heard.told)
                time.sleep(OUTAGE_SECONDS)
                lag, now = lag_of(client), time.monotonic()
                assert now - gone - SLACK_SECONDS < lag < now - about_to_go + SLACK_SECONDS
                assert client.get("/readyz").status_code == 200
                assert len(heard.told) > told + SOME
            wait_until(lambda: lag_of(client) < SLACK_SECONDS)
        assert server.end() == 0
    assert (heard.refused, heard.unanswered) == ({}, {})
    assert_right(heard, folder_scores)
    assert_all_logged(heard, address)


def test_a_log_that_nobody_writes_into_the_database_is_noted_while_answers_go_on(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = log_of(tmp_path)
    monkeypatch.setenv("DATABASE_URL", address)
    journal = Journal(journal_root(tmp_path) / "here", late_seconds=0.1)
    try:
        with running(FolderSource(bundle_folder), options=Options(log=journal, state=tmp_path)) as client:
            wait_until_finished(client)
            assert client.post("/v1/predict", json={"instances": rows}).status_code == 200
            wait_until(lambda: notes(client) == ["No writer moves the prediction log into the database. Start it."])
            keeper = KeeperProcess(tmp_path)
            try:
                wait_until(lambda: notes(client) == [])
                wait_until(lambda: calls_in(address) == 1)
            finally:
                keeper.stop()
    finally:
        journal.close()


def notes(client: httpx.Client) -> list[str]:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    found: list[str] = answer.json()["notes"]
    return found
