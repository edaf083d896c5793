"""`fairmind evidence` as a real process: what it says, how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.server.announcements import Announcements
from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.evidence_service.application import EvidenceApplication
from apps.ml.evidence_service.registry.store_watch import StoreState
from apps.ml.evidence_service.serving import StoreListener
from apps.ml.evidence_service.settings import EvidenceSettings, database_of
from apps.ml.tests.code.evidence_service.registry.published_registry import FAILS, MODEL, ROOT, Published
from apps.ml.tests.local_server import closed_port
from apps.ml.tests.protected_server import until

REPOSITORY = Path(__file__).resolve().parents[6]
COMMAND = [sys.executable, "-m", "apps.ml.command_line", "evidence", "--json"]
END_SECONDS = 120
PATIENCE_SECONDS = 120


@contextmanager
def started(
    home: Path, tracking: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Start the command with keys and uploads below `home`; it is ended whatever happens."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAIRMIND_", "DATABASE_"))}
    own = {"MLFLOW_TRACKING_URI": tracking, "FAIRMIND_AUDIT_DIR": str(home / "audits"), "PYTHONPATH": str(REPOSITORY)}
    with (home / "stderr.log").open("a") as log:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=home,
            env={**kept, **own, **(environment or {})},
        )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def next_event(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    event: dict[str, Any] = json.loads(process.stdout.readline())
    return event


def test_it_announces_itself_and_ends_when_told_once_all_is_answered(published: Published, tmp_path: Path) -> None:
    workspace = str(published.folder)
    with started(tmp_path, published.address, "--port", "0", "--workspace", workspace) as process:
        listening, ready = next_event(process), next_event(process)
        assert (listening["event"], ready["event"]) == ("listening", "ready")
        with httpx.Client(base_url=listening["address"], timeout=PATIENCE_SECONDS) as client:
            assert client.get("/readyz").json()["ready"]
            with ThreadPoolExecutor(1) as pool:
                body = {"version": FAILS, "reason": "asked before the end"}
                with published.store.locked():
                    begun = pool.submit(client.post, f"{ROOT}/{MODEL}/promotions", json=body)
                    with httpx.Client(base_url=listening["address"], timeout=PATIENCE_SECONDS) as other:
                        until(lambda: 'busy{work="changing"} 1.0' in other.get("/metrics").text)
                    process.send_signal(signal.SIGTERM)
                    with pytest.raises(subprocess.TimeoutExpired):
                        process.wait(0.5)  # what was asked for before is answered first
            assert begun.result().json()["error"]["code"] == "not_promoted"
        assert process.wait(END_SECONDS) == 0


def test_it_waits_for_a_store_lets_other_machines_in_with_a_key_alone_and_ends_when_told(tmp_path: Path) -> None:
    database = {"DATABASE_URL": f"sqlite:///{tmp_path / 'keys.db'}"}
    tracking = f"http://127.0.0.1:{closed_port()}"
    with started(tmp_path, tracking, "--port", "0", "--host", "0.0.0.0", environment=database) as process:
        listening, waiting = next_event(process), next_event(process)
        assert (listening["event"], waiting["event"]) == ("listening", "waiting")
        address = f"http://127.0.0.1:{listening['address'].rpartition(':')[2]}"
        assert httpx.get(address + ROOT, timeout=PATIENCE_SECONDS).status_code == 401
        assert httpx.get(address + "/readyz", timeout=PATIENCE_SECONDS).json()["ready"] is False
        process.send_signal(signal.SIGINT)
        assert process.wait(END_SECONDS) == 0


def test_a_tracking_address_that_can_be_no_store_ends_it_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    listener = StoreListener(Announcements(as_json=True), "http://127.0.0.1:1")
    listener.server = uvicorn.Server(uvicorn.Config(EvidenceApplication()))
    listener(StoreState("the server there does not answer"))
    assert (listener.server.should_exit, listener.failure) == (False, None)
    listener(StoreState("runs are kept in a database", is_final=True))
    assert listener.server.should_exit
    assert isinstance(listener.failure, BadInputError)
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["waiting"]


def test_settings_that_cannot_be_meant_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAIRMIND_KEYS", raising=False)
    with pytest.raises(BadInputError, match="FAIRMIND_KEYS is neither required nor off"):
        EvidenceSettings(keys="perhaps").doors()
    assert [EvidenceSettings(host).doors().keys_required for host in ("127.0.0.1", "0.0.0.0")] == [False, True]
    assert EvidenceSettings(keys="required").doors().keys_required


def test_a_database_is_used_where_something_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert database_of(DoorSettings(keys_required=False)) is None
    assert list(tmp_path.iterdir()) == []
    made = database_of(DoorSettings(keys_required=True))
    assert made is not None
    assert database_of(DoorSettings(keys_required=False)) is not None  # it is there now
    assert AdminLog(made).verify().whole
    monkeypatch.setenv("DATABASE_URL", f"postgresql://127.0.0.1:{closed_port()}/nothing")
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        database_of(DoorSettings(keys_required=False))
