"""Several processes serve on one socket; who dies is started again; all end together and nothing is lost."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from apps.ml.deployment.server.workers import QUICK_END_SECONDS
from apps.ml.tests.code.deployment.server_faults.processes import children, is_serving, wait_until, workers_of
from apps.ml.tests.served_process import END_SECONDS, ServedProcess, served_process

CALLS = 40


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path) -> Iterator[ServedProcess]:
    home = tmp_path_factory.mktemp("workers")
    with served_process(home, "--model", str(bundle_folder), "--workers", "2") as server:
        server.wait_until_ready()
        wait_until(lambda: all_serve(server))
        yield server


def all_serve(server: ServedProcess) -> bool:
    workers = workers_of(server)
    return len(workers) == 2 and all(is_serving(server, worker) for worker in workers)


def logged_calls(server: ServedProcess) -> int:
    with closing(sqlite3.connect(server.home / "log.db")) as database:
        return int(database.execute("select count(*) from calls").fetchone()[0])


def answers(server: ServedProcess, rows: list[dict[str, Any]], count: int) -> list[int]:
    """Ask on new connections, so that both processes are asked."""
    with server.client(headers={"Connection": "close"}) as client:
        return [client.post("/v1/predict", json={"instances": rows[:1]}).status_code for _ in range(count)]


def test_every_process_answers_and_each_tells_the_counts_of_all(two: ServedProcess, rows: list[dict[str, Any]]) -> None:
    assert answers(two, rows, CALLS) == [200] * CALLS
    line = 'fairmind_predictions_total{arm="",model="toy_loans",route="predict",version=""} '

    def told() -> float:
        with two.client() as client:
            text = client.get("/metrics").text
        return sum(float(found.removeprefix(line)) for found in text.splitlines() if found.startswith(line))

    wait_until(lambda: all(told() == CALLS for _ in range(4)))


def test_a_process_that_is_killed_is_started_again(two: ServedProcess, rows: list[dict[str, Any]]) -> None:
    victim = min(workers_of(two))
    wait_until(lambda: age_seconds(victim) > QUICK_END_SECONDS + 0.5)  # one that ends sooner is waited with
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in workers_of(two) and all_serve(two))
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
        assert server.process.wait(END_SECONDS) == 2


def age_seconds(process: int) -> float:
    """Return how long a process has been running."""
    ticks = int((Path("/proc") / str(process) / "stat").read_text().rsplit(")", 1)[1].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
