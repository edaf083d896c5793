"""`fairmind serve` as a process of its own: what it prints, how it ends."""

import json
import logging
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.deployment.observation.logs import holds_no_traceback
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.end_signals import END_SIGNALS
from apps.ml.deployment.server.http_server import address_of, http_server, listen
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.errors import BadInputError
from apps.ml.tests.served_process import END_SECONDS, PATIENCE_SECONDS, served_process


def ended(home: Path, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """Run the command to its end; return exit code and its last line."""
    with served_process(home, *arguments, environment=environment) as server:
        output, _ = server.process.communicate(timeout=END_SECONDS)
    return server.process.returncode, json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("number", END_SIGNALS)
def test_the_command_announces_its_address_and_ends_cleanly_when_told(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]], number: signal.Signals
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder)) as server:
        ready = server.wait_until_ready()
        assert (ready["model"], ready["version"], ready["address"]) == ("toy_loans", None, server.address)
        with server.client() as client:
            assert client.get("/readyz").status_code == 200
            answer = client.post("/v1/predict", json={"instances": rows[:2]})
        assert len(answer.json()["predictions"]) == 2
        assert server.end(number) == 0
    logged = [json.loads(line) for line in (tmp_path / "stderr.log").read_text().splitlines()]
    assert {event["level"] for event in logged} == {"info"}


def test_a_server_of_this_machine_is_asked_by_its_own_names_and_those_that_are_set(
    tmp_path: Path, bundle_folder: Path
) -> None:
    with served_process(tmp_path, "--model", str(bundle_folder), environment={"FAIRMIND_HOSTS": "scores"}) as server:
        server.wait_until_ready()
        with server.client() as client:
            asked = [client.get("/readyz", headers={"Host": name}) for name in ("scores:80", "page.example")]
    assert [answer.status_code for answer in asked] == [200, 421]


def test_a_model_that_cannot_be_loaded_ends_the_command_with_its_error(tmp_path: Path) -> None:
    code, last = ended(tmp_path, "--model", str(tmp_path))
    assert (code, last["exit_code"]) == (2, 2)
    assert "holds no bundle" in last["error"]


def test_a_registry_that_does_not_answer_ends_the_command_with_code_4(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        registry = f"http://127.0.0.1:{free.getsockname()[1]}"
        code, last = ended(tmp_path, "--model", "models:/loans@champion", MLFLOW_TRACKING_URI=registry)
    assert code == 4
    assert "does not answer" in last["error"]


def test_a_taken_port_is_refused() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInputError, match=f"127.0.0.1:{port} is taken. Choose another --port"):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BadInputError, match="cannot be listened on"):
        listen("192.0.2.1", 0)


def test_small_answers_are_sent_at_once() -> None:
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_a_connection_is_not_handed_over_to_websocket(bundle_folder: Path) -> None:
    """There it would be outside every bound on heads, bodies and time."""
    server = http_server(Application([FolderSource(bundle_folder)]))
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            answer = httpx.get(f"{address_of(listening)}/healthz", headers=upgrade, timeout=PATIENCE_SECONDS)
        finally:
            server.should_exit = True
            thread.join()
    assert answer.json() == {"status": "alive"}
    assert (answer.headers["connection"], answer.headers["x-frame-options"]) == ("close", "DENY")


def test_tracebacks_of_foreign_errors_are_kept_out_of_the_log() -> None:
    plain = logging.makeLogRecord({"msg": "listening"})
    failed = logging.makeLogRecord({"msg": "failed", "exc_info": (ValueError, ValueError("a value"), None)})
    assert [holds_no_traceback(record) for record in (plain, failed)] == [True, False]
