"""Clients that send half of something, hang up or do nothing: the others are answered meanwhile."""

import asyncio
import json
import select
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.deployment.requests.body_timer import BodyTimer
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.tests.code.deployment.conftest import running, wait_until_finished
from apps.ml.tests.code.deployment.server_faults.conftest import Scores, log_of
from apps.ml.tests.code.deployment.server_faults.load import PATH, under_load
from apps.ml.tests.code.deployment.server_faults.processes import LOOK_SECONDS, wait_until
from apps.ml.tests.code.deployment.server_faults.slow import (
    FIRST_BYTES,
    GO_ON,
    expecting,
    half_of,
    hang_up,
    request,
    waiting,
)
from apps.ml.tests.code.deployment.server_faults.stored import assert_all_logged, assert_right, calls_so_far, metric
from apps.ml.tests.served_process import ServedProcess, served_process
from tests.raw_http import whole_answer

IN_FLIGHT = 60
IDLE = 200
HALVES = 40
HANG_UPS = 100
SOME = 200


@pytest.fixture(scope="module")
def server(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """A server that works on few requests at the same time."""
    environment = {"FAIRMIND_IN_FLIGHT": str(IN_FLIGHT)}
    home = tmp_path_factory.mktemp("slow")
    with served_process(home, "--model", str(bundle_folder), environment=environment) as served:
        served.wait_until_ready()
        yield served


def in_flight(client: httpx.Client) -> float | None:
    return metric(client.get("/metrics").text, "fairmind_requests_in_flight")


def test_beside_idle_and_half_requests_the_others_are_answered(
    server: ServedProcess, rows: list[dict[str, Any]], folder_scores: Scores
) -> None:
    head, body = request(rows[:1])
    address = log_of(server.home)
    with server.client() as client:
        earlier, alone = calls_so_far(client, rows, address), in_flight(client)
        with (
            waiting(server.address, IDLE),
            waiting(server.address, HALVES, head[:-4]),
            waiting(server.address, HALVES, half_of(rows[:1])) as halves,
        ):
            wait_until(lambda: in_flight(client) == HALVES + (alone or 0.0))
            with under_load(server.address, rows) as heard:
                wait_until(lambda: len(heard.told) > SOME)
                for _ in range(HANG_UPS):
                    hang_up(server.address, head + body)
            assert (heard.refused, heard.unanswered) == ({}, {})
            for connection in halves:
                connection.sendall(body[FIRST_BYTES:])
            assert [whole_answer(connection)[:15] for connection in halves] == [b"HTTP/1.1 200 OK"] * HALVES
        wait_until(lambda: in_flight(client) == alone)
        calls_so_far(client, rows, address)
    assert_right(heard, folder_scores)
    assert_all_logged(heard, address, earlier=earlier + HALVES + 1, unheard=HANG_UPS)


def test_half_bodies_that_fill_the_server_are_told_of_and_let_it_go_on_once_they_hang_up(
    server: ServedProcess, rows: list[dict[str, Any]]
) -> None:
    with server.client() as client:
        with waiting(server.address, IN_FLIGHT, expecting(rows[:1])) as halves:
            for connection in halves:
                with connection.makefile("rb") as told:
                    assert told.read(len(GO_ON)) == GO_ON
                connection.sendall(b"{")
            refused = client.post(PATH, json={"instances": rows[:1]})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
            assert int(refused.headers["retry-after"]) > 0
            assert client.get("/healthz").status_code == 200
        wait_until(lambda: client.post(PATH, json={"instances": rows[:1]}).status_code == 200)


def test_clients_that_hang_up_or_send_halves_leave_nothing_in_the_log_of_errors(server: ServedProcess) -> None:
    assert server.end() == 0
    logged = [json.loads(line) for line in (server.home / "stderr.log").read_text().splitlines()]
    assert {event["level"] for event in logged} == {"info"}


def test_a_body_that_does_not_arrive_in_time_is_408_and_the_others_are_answered_meanwhile(
    bundle_folder: Path, rows: list[dict[str, Any]], time_passes: threading.Event
) -> None:
    with running(FolderSource(bundle_folder), Limits(body_seconds=0.5)) as client:
        wait_until_finished(client)
        alone = in_flight(client) or 0.0
        with waiting(str(client.base_url), HALVES, half_of(rows[:1])) as halves:
            wait_until(lambda: in_flight(client) == HALVES + alone)
            assert client.post(PATH, json={"instances": rows[:1]}).status_code == 200
            assert select.select(halves, [], [], 0)[0] == [], "nobody was cut off yet"
            time_passes.set()
            answers = [whole_answer(connection) for connection in halves]
        time_passes.clear()
        assert {answer[:12] for answer in answers} == {b"HTTP/1.1 408"}
        assert all(b'"code":"slow_body"' in answer for answer in answers)
        assert client.post(PATH, json={"instances": rows[:1]}).status_code == 200


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Nobody is late as long as this is not set, however long the steps of a test take."""
    passes, look = threading.Event(), BodyTimer._look

    def looked(timer: BodyTimer, loop: asyncio.AbstractEventLoop) -> None:
        if passes.is_set():
            look(timer, loop)
        else:
            loop.call_later(LOOK_SECONDS, looked, timer, loop)

    monkeypatch.setattr(BodyTimer, "_look", looked)
    return passes
