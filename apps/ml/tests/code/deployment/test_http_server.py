"""`fairmind serve` as a process of its own: what it prints, how it ends."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.deployment.server.http_server import holds_no_traceback, listen
from apps.ml.errors import BadInputError

COMMAND = [sys.executable, "-m", "apps.ml.command_line", "serve", "--json"]
END_SECONDS = 20


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command and end it whatever happens."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def next_event(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    event: dict[str, Any] = json.loads(process.stdout.readline())
    return event


def ended(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command to its end; return exit code and its last line."""
    with started(*arguments) as process:
        output, _ = process.communicate(timeout=END_SECONDS)
    return process.returncode, json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_announces_its_address_and_ends_cleanly_when_told(
    bundle_folder: Path, rows: list[dict[str, Any]], number: signal.Signals
) -> None:
    with started("--model", str(bundle_folder), "--port", "0") as process:
        listening, ready = next_event(process), next_event(process)
        assert (listening["event"], ready["event"]) == ("listening", "ready")
        assert (ready["model"], ready["version"]) == ("toy_loans", None)
        assert httpx.get(f"{ready['address']}/readyz").status_code == 200
        answer = httpx.post(f"{ready['address']}/v1/predict", json={"instances": rows[:2]})
        assert len(answer.json()["predictions"]) == 2
        process.send_signal(number)
        assert process.wait(END_SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_model_that_cannot_be_loaded_ends_the_command_with_its_error(tmp_path: Path) -> None:
    code, last = ended("--model", str(tmp_path), "--port", "0")
    assert (code, last["exit_code"]) == (2, 2)
    assert "holds no bundle" in last["error"]


def test_a_registry_that_does_not_answer_ends_the_command_with_code_4(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free.getsockname()[1]}")
        code, last = ended("--model", "models:/loans@champion", "--port", "0")
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


def test_tracebacks_of_foreign_errors_are_kept_out_of_the_log() -> None:
    plain = logging.makeLogRecord({"msg": "listening"})
    failed = logging.makeLogRecord({"msg": "failed", "exc_info": (ValueError, ValueError("a value"), None)})
    assert [holds_no_traceback(record) for record in (plain, failed)] == [True, False]
