"""No room for the log: nothing is answered that is not written down, and answers go on once there is room."""

import resource
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.tests.code.deployment.server_faults.away import locked_by_another_process
from apps.ml.tests.code.deployment.server_faults.conftest import Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import under_load
from apps.ml.tests.code.deployment.server_faults.processes import wait_until
from apps.ml.tests.code.deployment.server_faults.stored import (
    assert_all_logged,
    assert_right,
    calls_so_far,
    metric,
    wait_until_logged,
)
from apps.ml.tests.served_process import ServedProcess, served_process

SMALLEST_JOURNAL = 1 << 20
LARGE_EVERY = 5
SOME = 50


@pytest.fixture(scope="module")
def server(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """A server whose journal is soon full."""
    environment = {"FAIRMIND_JOURNAL_BYTES": str(SMALLEST_JOURNAL)}
    home = tmp_path_factory.mktemp("full")
    with served_process(home, "--model", str(bundle_folder), environment=environment) as served:
        served.wait_until_ready()
        yield served
        assert served.end() == 0


def locked_database(server: ServedProcess) -> AbstractContextManager[None]:
    """The keeper cannot write, so that the journal grows to its bound."""
    return locked_by_another_process(server.home / "log.db")


@contextmanager
def full_disk(server: ServedProcess) -> Iterator[None]:
    """No file of the server may grow."""
    limit, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, hard))
    yield
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, hard))


@pytest.mark.parametrize(
    ("without_room", "says"),
    [(locked_database, f"reached its bound of {SMALLEST_JOURNAL} bytes"), (full_disk, "has no room (File too large)")],
)
def test_without_room_for_the_log_nothing_is_answered_and_with_room_answers_go_on(
    server: ServedProcess, rows: list[dict[str, Any]], folder_scores: Scores, without_room: Any, says: str
) -> None:
    address = log_of(server.home)
    with server.client() as client:
        earlier = calls_so_far(client, rows, address)
        with under_load(server.address, rows, large_every=LARGE_EVERY) as heard:
            with without_room(server):
                wait_until(lambda: sum(heard.refused.values()) > SOME)
                assert_told_to_be_ill(client, says)
            count = len(heard.told)
            wait_until(lambda: len(heard.told) > count + SOME)
            wait_until(lambda: client.get("/readyz").status_code == 200)
            assert metric(client.get("/metrics").text, "fairmind_log_ill") == 0.0
    wait_until_logged(heard, address, earlier)
    assert heard.refused.keys() == {(503, "log_full")}
    assert heard.retry_after == {"5"}
    assert heard.unanswered == {}
    assert_right(heard, folder_scores)
    assert_all_logged(heard, address, earlier=earlier)


def assert_told_to_be_ill(client: httpx.Client, says: str) -> None:
    told = client.get("/readyz")
    assert (told.status_code, told.json()["state"]) == (503, "ill")
    assert says in told.json()["reason"]
    metrics = client.get("/metrics").text
    assert (metric(metrics, "fairmind_ready"), metric(metrics, "fairmind_log_ill")) == (0.0, 1.0)
    assert client.get("/healthz").status_code == 200
