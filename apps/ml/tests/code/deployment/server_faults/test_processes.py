"""Processes of a server that die, and folders that they cannot have: answers go on, and it is said what to do."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from apps.ml.deployment.server.background import COUNTS_FOLDER, DRAIN_FILE
from apps.ml.deployment.server.held_state import LOCK_FILE, held_state
from apps.ml.errors import BadInputError
from apps.ml.prediction_log.writer_status import STATUS_FILE, WriterStatus, read_status, write_status
from apps.ml.tests.code.deployment.server_faults.conftest import Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import under_load
from apps.ml.tests.code.deployment.server_faults.processes import (
    PATIENCE_SECONDS,
    held_up,
    keeper_of,
    keepers_of,
    kill,
    log_text,
    wait_until,
)
from apps.ml.tests.code.deployment.server_faults.stored import assert_all_logged, assert_right, calls_so_far, lag_of
from apps.ml.tests.served_process import END_SECONDS, ServedProcess, served_process

OLD_SECONDS = 60.0
WARM_ANSWERS = 50
"""After so many, every way of answering was taken once, and its code is loaded."""


@pytest.fixture(scope="module")
def server(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """A server of one process, and its keeper."""
    with served_process(tmp_path_factory.mktemp("kept"), "--model", str(bundle_folder)) as served:
        served.wait_until_ready()
        wait_until(lambda: status_of(served) is not None)
        yield served


def status_of(server: ServedProcess) -> WriterStatus | None:
    return read_status(server.home / "state" / STATUS_FILE)


def test_a_keeper_that_hangs_is_told_of_by_the_lag(server: ServedProcess, rows: list[dict[str, Any]]) -> None:
    with server.client() as client:
        wait_until(lambda: lag_of(client) == 0.0)
        with held_up(keeper_of(server)):
            assert client.post("/v1/predict", json={"instances": rows[:1]}).status_code == 200
            let_time_pass(server, OLD_SECONDS)
            assert OLD_SECONDS <= lag_of(client) < OLD_SECONDS + PATIENCE_SECONDS
        wait_until(lambda: lag_of(client) == 0.0)


def let_time_pass(server: ServedProcess, seconds: float) -> None:
    """Make the keeper's last word so much older."""
    told = status_of(server)
    assert told is not None
    write_status(server.home / "state" / STATUS_FILE, msgspec.structs.replace(told, at=told.at - seconds))


def test_a_second_server_on_one_folder_of_state_is_refused_and_the_first_serves_on(
    server: ServedProcess, bundle_folder: Path, rows: list[dict[str, Any]]
) -> None:
    with served_process(server.home, "--model", str(bundle_folder)) as second:
        code, error = ended(second)
    assert code == 2
    assert "Another server that runs keeps its state in" in error
    assert "set FAIRMIND_STATE_DIR to another folder" in error
    with server.client() as client:
        assert client.post("/v1/predict", json={"instances": rows[:1]}).status_code == 200
    assert keepers_of(server)


def test_a_keeper_that_dies_again_and_again_loses_nothing(
    server: ServedProcess, rows: list[dict[str, Any]], folder_scores: Scores
) -> None:
    with server.client() as client:
        earlier = calls_so_far(client, rows, log_of(server.home))
    with under_load(server.address, rows, large_every=5) as heard:
        wait_until(lambda: len(heard.told) > WARM_ANSWERS)
        with no_more_files(server):
            kill(keeper_of(server))
            wait_until(lambda: "the keeper cannot be started" in log_text(server))
        wait_until(lambda: keepers_of(server))
        second = keeper_of(server)
        kill(second)
        wait_until(lambda: set(keepers_of(server)) - {second})
    assert server.end() == 0
    assert heard.refused == {}
    assert_right(heard, folder_scores)
    assert_all_logged(heard, log_of(server.home), earlier=earlier)


@contextmanager
def no_more_files(server: ServedProcess) -> Iterator[None]:
    """The server can open nothing, so that it can start no process, as long as this lasts."""
    limit, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, hard))


def ended(server: ServedProcess) -> tuple[int, str]:
    """Wait until a server ends by itself; return its exit code and error."""
    output, _ = server.process.communicate(timeout=END_SECONDS)
    return server.process.returncode, json.loads(output.splitlines()[-1])["error"]


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_folder_of_state_that_cannot_be_written_is_refused_with_what_to_do(tmp_path: Path, below: str) -> None:
    (tmp_path / "a file").write_text("")
    says = "server's state cannot be written.*set FAIRMIND_STATE_DIR to another folder"
    with pytest.raises(BadInputError, match=says), held_state(tmp_path / "a file" / below):
        pass


def test_what_a_server_before_left_of_counts_and_marks_is_removed_and_its_journals_stay(tmp_path: Path) -> None:
    journal = tmp_path / "journal" / "7"
    for folder in (tmp_path / COUNTS_FOLDER, journal):
        folder.mkdir(parents=True)
    (tmp_path / DRAIN_FILE).write_text("")
    with held_state(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {"journal", LOCK_FILE}
        assert journal.exists()
        with pytest.raises(BadInputError, match="Another server that runs"), held_state(tmp_path):
            pass
    with held_state(tmp_path):
        pass
