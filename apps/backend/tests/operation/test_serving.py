"""`fairmind-backend serve`: announced, drained, ended with a meaning."""

import json
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from apps.backend.operation import serving as serving_module
from apps.backend.operation.serving import is_loopback, listen
from apps.backend.settings import SettingError
from apps.backend.tests.operation.running_command import GRACIOUS, Run, runner, serving
from apps.backend.tests.product import NO_CERTIFICATES, PATIENCE_SECONDS, running_backend, small_settings, until
from tests.raw_http import CONTINUE, connected, whole_answer

HALF = b"POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(tmp_path, capsys, monkeypatch)


def is_refused(address: str) -> bool:
    try:
        connected(address).close()
    except ConnectionRefusedError:
        return True
    return False


def test_it_says_when_it_listens_answers_and_ends(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as served:
        assert [event["event"] for event in served.events] == ["listening", "warning", "ready"]
        assert "TLS" in served.events[1]["warning"]
        address = served.address.replace("0.0.0.0", "127.0.0.1")
        with httpx.Client(base_url=address, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES) as client:
            assert client.get("/readyz").json()["database"] == "current"
            answer = client.get("/api/v1/models/secret-name/versions", headers={"x-request-id": "seen-1"})
        assert answer.status_code == 401
        served.tell(signal.SIGINT)
        code, later, log = served.end()
    assert code == 0
    assert [event["event"] for event in later] == ["ended"]
    line = next(each for each in log if each.get("request_id") == "seen-1")
    assert line.pop("seconds") > 0
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "request",
        "method": "GET",
        "route": "/api/v1/models/{model}/versions",
        "status": 401,
        "level": "info",
        "organisation": None,
        "request_id": "seen-1",
    }
    assert "secret-name" not in json.dumps(log)


def test_a_request_that_has_begun_is_answered_to_the_end(tmp_path: Path) -> None:
    command = (sys.executable, "-c", GRACIOUS)
    with serving(tmp_path, command=command, FAIRMIND_BACKEND_HTTPS="on") as served:
        with connected(served.address) as connection:
            connection.sendall(HALF)
            assert connection.recv(65536) == CONTINUE, "it has begun"
            served.tell()
            until(lambda: is_refused(served.address))
            connection.sendall(b"}")
            assert connection.recv(65536).startswith(b"HTTP/1.1 422")
        assert served.end()[0] == 0


def test_what_does_not_end_in_its_time_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "GRACE_SECONDS", 1)
    with running_backend(small_settings(tmp_path)) as running:
        connection = connected(running.address)
        connection.sendall(HALF)
        begun = connection.recv(65536)
    with connection:
        answer = whole_answer(connection)
    assert begun == CONTINUE
    assert answer.startswith(b"HTTP/1.1 503")
    assert b'"code":"ending"' in answer


def test_a_port_that_is_taken_ends_it_with_2(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, _ = run("serve", "--port", str(taken.getsockname()[1]), "--json")
    assert (code, json.loads(out)["exit_code"]) == (2, 2)
    assert "is taken" in json.loads(out)["error"]


def test_a_database_that_is_away_ends_it_with_4(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:aGoodPassword@127.0.0.1:9/none")
    code, out, err = run("serve", "--port", "0")
    assert code == 4
    assert "The database does not answer" in err
    assert "aGoodPassword" not in out + err


def test_a_setting_that_means_nothing_ends_it_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_BACKEND_HTTP", "on")
    code, _, err = run("serve")
    assert code == 2
    assert "FAIRMIND_BACKEND_HTTPS" in err


def test_tables_of_a_newer_version_end_it_with_2(run: Run, tmp_path: Path) -> None:
    assert run("migrate")[0] == 0
    with closing(sqlite3.connect(tmp_path / "backend.db")) as database, database:
        database.execute("DELETE FROM fairmind_backend_alembic_version")
        database.execute("INSERT INTO fairmind_backend_alembic_version VALUES ('9999')")
    code, _, err = run("serve", "--port", "0")
    assert code == 2
    assert "Start the version that made them" in err


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)]
)
def test_loopback_is_known(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_an_address_of_nobody_is_refused() -> None:
    with pytest.raises(SettingError, match="cannot be listened on"):
        listen("192.0.2.1", 0)
