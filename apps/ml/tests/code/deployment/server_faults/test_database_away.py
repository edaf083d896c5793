"""The database goes away under load, or the disk is full: nothing is answered that is not written down, and all that
was answered is there once in the end."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.prediction_log.database import open_database
from apps.ml.tests.code.deployment.server_faults.away import locked_by_another_process
from apps.ml.tests.code.deployment.server_faults.conftest import Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import under_load
from apps.ml.tests.code.deployment.server_faults.processes import wait_until
from apps.ml.tests.code.deployment.server_faults.stored import (
    assert_all_logged,
    assert_right,
    calls_so_far,
    lag_of,
    metric,
    wait_until_logged,
)
from apps.ml.tests.code.prediction_log.test_faults import stopped_postgres
from apps.ml.tests.served_process import ServedProcess, served_process
from tests.postgres import running_postgres, why_no_postgres

SMALL_JOURNAL = 4 << 20
OUTAGE_SECONDS = 2.0

SOME = 50
NEVER_FULL, QUICKLY_FULL = 10**9, 5
"""One request in so many is large."""


@dataclass(frozen=True)
class Logged:
    """A server, the address of its database, and what takes that away as long as it lasts."""

    server: ServedProcess
    address: str
    away: Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def logged(
    request: pytest.FixtureRequest, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Logged]:
    """A server whose journal is soon full."""
    home = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        address, away = _postgres(stack) if request.param == "postgresql" else _sqlite(home)
        environment = {"FAIRMIND_JOURNAL_BYTES": str(SMALL_JOURNAL), "DATABASE_URL": address}
        server = stack.enter_context(served_process(home, "--model", str(bundle_folder), environment=environment))
        server.wait_until_ready()
        yield Logged(server, address, away)
        assert server.end() == 0


Database = tuple[str, Callable[[], AbstractContextManager[None]]]


def _sqlite(home: Path) -> Database:
    return log_of(home), lambda: locked_by_another_process(home / "log.db")


def _postgres(stack: ExitStack) -> Database:
    why = why_no_postgres()
    if why is not None:
        pytest.skip(why)
    address = stack.enter_context(running_postgres())
    return address, lambda: stopped_postgres(open_database(address))


@contextmanager
def full_disk(server: ServedProcess) -> Iterator[None]:
    """No file of the server may grow as long as this lasts."""
    limit, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, hard))


def test_while_the_database_is_away_answers_go_on_and_the_lag_is_told_and_then_everything_is_there_once(
    logged: Logged, rows: list[dict[str, Any]], folder_scores: Scores
) -> None:
    with logged.server.client() as client:
        earlier, began = calls_so_far(client, rows, logged.address), time.time()
        with under_load(logged.server.address, rows, clients=2, large_every=NEVER_FULL) as heard:
            wait_until(lambda: len(heard.told) > SOME)
            with logged.away():
                told = len(heard.told)
                wait_until(lambda: lag_of(client) >= OUTAGE_SECONDS)
                assert lag_of(client) <= time.time() - began, "what was answered before is there"
                wait_until(lambda: len(heard.told) > told + SOME)
                assert client.get("/readyz").status_code == 200
            wait_until(lambda: lag_of(client) < OUTAGE_SECONDS)
    wait_until_logged(heard, logged.address, earlier)
    assert (heard.refused, heard.unanswered) == ({}, {})
    assert_right(heard, folder_scores)
    assert_all_logged(heard, logged.address, earlier=earlier)


@pytest.mark.parametrize("reason", [f"reached its bound of {SMALL_JOURNAL} bytes", "has no room (File too large)"])
def test_without_room_for_the_log_nothing_is_answered_and_with_room_answers_go_on(
    logged: Logged, rows: list[dict[str, Any]], folder_scores: Scores, reason: str
) -> None:
    with logged.server.client() as client:
        earlier = calls_so_far(client, rows, logged.address)
        with under_load(logged.server.address, rows, large_every=QUICKLY_FULL) as heard:
            with full_disk(logged.server) if "File" in reason else logged.away():
                wait_until(lambda: sum(heard.refused.values()) > SOME)
                assert_told_to_be_ill(client, reason)
            count = len(heard.told)
            wait_until(lambda: len(heard.told) > count + SOME)
            wait_until(lambda: client.get("/readyz").status_code == 200)
            wait_until(lambda: metric(client.get("/metrics").text, "fairmind_log_ill") == 0.0)
    wait_until_logged(heard, logged.address, earlier)
    assert heard.refused.keys() == {(503, "log_full")}
    assert heard.retry_after == {"5"}
    assert heard.unanswered == {}
    assert_right(heard, folder_scores)
    assert_all_logged(heard, logged.address, earlier=earlier)


def assert_told_to_be_ill(client: httpx.Client, reason: str) -> None:
    told = client.get("/readyz")
    assert (told.status_code, told.json()["state"]) == (503, "ill")
    assert reason in told.json()["reason"]
    metrics = client.get("/metrics").text
    assert (metric(metrics, "fairmind_ready"), metric(metrics, "fairmind_log_ill")) == (0.0, 1.0)
    assert client.get("/healthz").status_code == 200
