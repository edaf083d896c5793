"""Worker processes: one dies and cannot come back at once, their parent dies, they are told to end too early."""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apps.ml.tests.code.deployment.server_faults.conftest import Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import under_load
from apps.ml.tests.code.deployment.server_faults.processes import (
    PATIENCE_SECONDS,
    children,
    is_running,
    is_serving,
    kill,
    log_text,
    wait_until,
    workers_of,
)
from apps.ml.tests.code.deployment.server_faults.stored import assert_all_logged, assert_right
from apps.ml.tests.served_process import ServedProcess, served_process, server_environment

SOME = 200
SERVES = '"event": "swap"'


@pytest.fixture(scope="module")
def server(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """A server of two processes; its model lies in `<home>/bundle`."""
    home = tmp_path_factory.mktemp("two")
    model = shutil.copytree(bundle_folder, home / "bundle")
    with served_process(home, "--model", str(model), "--workers", "2") as served:
        served.wait_until_ready()
        wait_until(lambda: len(workers_of(served)) == 2 and all(is_serving(served, one) for one in workers_of(served)))
        yield served


def test_a_worker_whose_place_cannot_be_taken_leaves_the_others_serving_until_it_can(
    server: ServedProcess, rows: list[dict[str, Any]], folder_scores: Scores
) -> None:
    model = server.home / "bundle"
    away = model.rename(server.home / "away")
    kill(min(workers_of(server)))
    wait_until(lambda: "a worker ended" in log_text(server))
    with under_load(server.address, rows, clients=2) as heard:
        wait_until(lambda: log_text(server).count("a worker ended") >= 2 and heard.told)
        away.rename(model)
        wait_until(lambda: log_text(server).count(SERVES) >= 3)
    assert (heard.refused, heard.unanswered) == ({}, {})
    assert_right(heard, folder_scores)


def test_workers_and_keeper_end_with_the_process_that_started_them(
    server: ServedProcess, rows: list[dict[str, Any]], folder_scores: Scores
) -> None:
    started = children(server.process.pid)
    assert len(started) == 3
    with under_load(server.address, rows) as heard:
        wait_until(lambda: len(heard.told) > SOME)
        kill(server.process.pid)
        try:
            wait_until(lambda: not any(is_running(process) for process in started))
        finally:
            kill(*(process for process in started if is_running(process)))
    assert_right(heard, folder_scores)
    assert heard.refused == {}
    # The keeper may have ended before the last answer: what it left is written by whoever comes next.
    drain = [sys.executable, "-m", "apps.ml.deployment.server.keeper", str(server.home / "state"), "--drain"]
    subprocess.run(drain, check=True, timeout=PATIENCE_SECONDS, env=server_environment(server.home))
    assert_all_logged(heard, log_of(server.home), unheard=None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_workers_that_are_told_to_end_before_they_serve_end(tmp_path: Path, number: signal.Signals) -> None:
    with silent_registry() as environment, served_process(tmp_path, *SILENT, environment=environment) as server:
        wait_until(lambda: len(workers_of(server)) == 2)
        started = children(server.process.pid)
        try:
            assert server.end(number) == 0
            assert not any(is_running(process) for process in started)
        finally:
            kill(server.process.pid, *(process for process in started if is_running(process)))
    assert SERVES not in log_text(server)


SILENT = ("--model", "models:/loans@champion", "--workers", "2")


@contextmanager
def silent_registry() -> Iterator[dict[str, str]]:
    """A registry that never answers, and variables by which whoever loads from it waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield {"MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_TIMEOUT": "600"}
