"""A server that is killed or told to end while clients ask it: what they were told is in the log, once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.http_server import http_server, listen
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.prediction_log.segments import is_locked
from apps.ml.tests.code.deployment.server_faults.conftest import Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import CLIENTS, under_load
from apps.ml.tests.code.deployment.server_faults.processes import (
    held_up,
    is_told,
    keeper_of,
    kill,
    stop,
    wait_until,
)
from apps.ml.tests.code.deployment.server_faults.slow import half_of, waiting
from apps.ml.tests.code.deployment.server_faults.stored import assert_all_logged, assert_right
from apps.ml.tests.served_process import END_SECONDS, served_process
from tests.raw_http import whole_answer

SOME = 200


def test_answers_of_processes_that_were_all_killed_are_written_down_at_the_next_start(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]]
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder)) as server:
        server.wait_until_ready()
        with under_load(server.address, rows) as heard:
            wait_until(lambda: len(heard.told) > SOME)
            keeper = keeper_of(server)
            stop(keeper)  # whoever is killed alone is started again
            unwritten = len(heard.told)
            wait_until(lambda: len(heard.told) > unwritten + CLIENTS)
            kill(server.process.pid, keeper)
            wait_until(lambda: heard.unanswered)
    assert list((tmp_path / "state" / "journal").iterdir()), "something was left to write"
    with served_process(tmp_path, "--model", str(bundle_folder)) as again:
        again.wait_until_ready()
        assert again.end() == 0
    assert_all_logged(heard, log_of(tmp_path), unheard=CLIENTS)
    assert list((tmp_path / "state" / "journal").iterdir()) == []


def test_a_server_that_is_told_to_end_answers_whole_or_not_at_all_and_waits_for_its_keeper(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]], folder_scores: Scores
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder)) as server:
        server.wait_until_ready()
        keeper = keeper_of(server)
        with under_load(server.address, rows) as heard, held_up(keeper):
            wait_until(lambda: len(heard.told) > SOME)
            server.process.terminate()
            wait_until(lambda: is_told(keeper, signal.SIGTERM))
            journals = tmp_path / "state" / "journal"
            assert not any(is_locked(lock) for lock in journals.glob("*/*.lock")), "whoever answers has ended before"
            assert server.process.poll() is None
            wait_until(lambda: heard.unanswered)
        assert server.process.wait(END_SECONDS) == 0
    assert heard.refused == {}
    assert_right(heard, folder_scores)
    assert_all_logged(heard, log_of(tmp_path))


@contextmanager
def hasty_server(application: Application) -> Iterator[tuple[str, uvicorn.Server]]:
    """A server in this process that waits only a moment for what has begun when it ends."""
    listening = listen("127.0.0.1", 0)
    server = http_server(application)
    server.config.timeout_graceful_shutdown = 1
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        wait_until(lambda: server.started and application.shelf.state == "ready")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", server
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def test_bodies_that_are_still_on_their_way_when_the_server_ends_are_refused_in_the_usual_shape(
    bundle_folder: Path, rows: list[dict[str, Any]]
) -> None:
    application = Application([FolderSource(bundle_folder)])
    with hasty_server(application) as (address, server), waiting(address, 3, half_of(rows)) as halves:
        wait_until(lambda: application.options.door.in_flight == 3)
        server.should_exit = True
        answers = [whole_answer(connection) for connection in halves]
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 503"}
    assert all(b'"code":"draining"' in answer for answer in answers)
