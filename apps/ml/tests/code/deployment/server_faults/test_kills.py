"""A server that is killed or told to end while clients ask it: what they were told is in the log, once."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from apps.ml.tests.code.deployment.server_faults.conftest import log_of
from apps.ml.tests.code.deployment.server_faults.load import CLIENTS, under_load
from apps.ml.tests.code.deployment.server_faults.processes import (
    children,
    is_running,
    keeper_of,
    kill,
    wait_until,
    workers_of,
)
from apps.ml.tests.code.deployment.server_faults.stored import assert_all_logged, assert_right
from apps.ml.tests.served_process import served_process

LOAD_SECONDS = 1.0


def test_answers_of_a_server_that_is_killed_are_written_down_by_its_orphaned_keeper(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]], folder_scores: dict[str | None, list[float]]
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder)) as server:
        server.wait_until_ready()
        keeper = keeper_of(server)
        with under_load(server.address, rows) as heard:
            time.sleep(LOAD_SECONDS)
            kill(server.process.pid)
            time.sleep(0.1)
        wait_until(lambda: not is_running(keeper))
    print(len(heard.told), heard.unanswered, heard.refused, heard.broken)
    assert len(heard.told) > 200
    assert_all_logged(heard, log_of(tmp_path), unheard=CLIENTS)
    heard.broken.clear()
    assert_right(heard, folder_scores)
    assert list((tmp_path / "state" / "journal").iterdir()) == []


def test_answers_of_processes_that_were_all_killed_are_written_down_at_the_next_start(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]]
) -> None:
    arguments = ("--model", str(bundle_folder), "--workers", "2")
    with served_process(tmp_path, *arguments) as server:
        server.wait_until_ready()
        with under_load(server.address, rows) as heard:
            time.sleep(LOAD_SECONDS)
            kill(keeper_of(server))
            time.sleep(0.1)
            kill(*children(server.process.pid), server.process.pid)
            time.sleep(0.1)
    left = list((tmp_path / "state" / "journal").iterdir())
    print(len(heard.told), heard.unanswered, heard.refused, heard.broken, left)
    with served_process(tmp_path, *arguments) as again:
        again.wait_until_ready()
        assert again.end() == 0
    assert_all_logged(heard, log_of(tmp_path), unheard=CLIENTS)


def test_workers_end_with_the_process_that_started_them(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]]
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder), "--workers", "2") as server:
        server.wait_until_ready()
        started = children(server.process.pid)
        with under_load(server.address, rows) as heard:
            time.sleep(LOAD_SECONDS)
            kill(server.process.pid)
            try:
                wait_until(lambda: not any(is_running(process) for process in started), 8)
            finally:
                print(len(heard.told), heard.unanswered, heard.refused, heard.broken, started)
                kill(*started)
    assert_all_logged(heard, log_of(tmp_path))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_is_told_to_end_answers_whole_or_not_at_all(
    tmp_path: Path,
    bundle_folder: Path,
    rows: list[dict[str, Any]],
    folder_scores: dict[str | None, list[float]],
    workers: str,
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder), "--workers", workers) as server:
        server.wait_until_ready()
        with under_load(server.address, rows) as heard:
            time.sleep(LOAD_SECONDS)
            t = time.time()
            assert server.end(signal.SIGTERM) == 0
            print(time.time() - t)
            time.sleep(0.1)
    print(len(heard.told), heard.unanswered, heard.refused, heard.broken)
    assert heard.refused.keys() <= {(503, "draining")}
    assert_right(heard, folder_scores)
    assert_all_logged(heard, log_of(tmp_path))
