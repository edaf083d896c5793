"""Several processes serve on one socket; who dies is started again; all end together and nothing is lost."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.tests.code.deployment.server_faults.processes import PATIENCE_SECONDS, children, wait_until, workers_of
from apps.ml.tests.served_process import ServedProcess, served_process

CALLS = 40


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path) -> Iterator[ServedProcess]:
    home = tmp_path_factory.mktemp("workers")
    with served_process(home, "--model", str(bundle_folder), "--workers", "2") as server:
        server.wait_until_ready()
        yield server


def logged_calls(server: ServedProcess) -> int:
    with sqlite3.connect(server.home / "log.db") as database:
        return int(database.execute("select count(*) from calls").fetchone()[0])


def answers(server: ServedProcess, rows: list[dict[str, Any]], count: int) -> list[int]:
    """Ask on new connections, so that both processes are asked."""
    return [httpx.post(f"{server.address}/v1/predict", json={"instances": rows[:1]}).status_code for _ in range(count)]


def test_every_process_answers_and_each_tells_the_counts_of_all(two: ServedProcess, rows: list[dict[str, Any]]) -> None:
    assert len(workers_of(two)) == 2
    assert answers(two, rows, CALLS) == [200] * CALLS
    line = 'fairmind_predictions_total{arm="",model="toy_loans",route="predict",version=""} '

    def told() -> float:
        text = httpx.get(f"{two.address}/metrics").text
        return sum(float(found.removeprefix(line)) for found in text.splitlines() if found.startswith(line))

    wait_until(lambda: all(told() == CALLS for _ in range(4)))


def test_a_process_that_is_killed_is_started_again(two: ServedProcess, rows: list[dict[str, Any]]) -> None:
    time.sleep(max(0.0, 5.5 - _age(two)))
    before = workers_of(two)
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(workers_of(two)) == 2 and workers_of(two) != before)
    wait_until(lambda: httpx.get(f"{two.address}/readyz").status_code == 200)
    assert answers(two, rows, 10) == [200] * 10


def test_at_the_end_every_answer_is_in_the_database(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]]
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder), "--workers", "2") as server:
        server.wait_until_ready()
        given = answers(server, rows, CALLS)
        assert server.end() == 0
    assert given == [200] * CALLS
    assert logged_calls(server) == CALLS
    assert children(server.process.pid) == {}


def test_a_keeper_that_is_killed_is_started_again_and_loses_nothing(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]]
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder)) as server:
        server.wait_until_ready()
        given = answers(server, rows, 5)
        (keeper,) = children(server.process.pid)
        os.kill(keeper, signal.SIGKILL)
        given += answers(server, rows, 5)
        wait_until(lambda: children(server.process.pid) and keeper not in children(server.process.pid))
        assert server.end() == 0
    assert given == [200] * 10
    assert logged_calls(server) == 10


def test_workers_that_cannot_serve_end_the_command_with_their_code(tmp_path: Path) -> None:
    with served_process(tmp_path, "--model", str(tmp_path), "--workers", "2") as server:
        assert server.process.wait(PATIENCE_SECONDS) == 2


def _age(server: ServedProcess) -> float:
    """Seconds since the server began; a worker that ends too soon is not started again."""
    ticks = int((Path("/proc") / str(server.process.pid) / "stat").read_text().rsplit(")", 1)[1].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
