import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.experiments.tracking import lock_file, open_store

ROOT = Path(__file__).resolve().parents[5]
FIRST_USE = "from apps.ml.experiments.tracking import open_store; print(open_store().experiment_id('people'))"
QUICK_SECONDS = 30.0


def test_three_processes_may_use_an_empty_store_first_at_the_same_time(tmp_path: Path) -> None:
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/new/mlflow.db", "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_USE],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert len({output for output, _ in outputs}) == 1
    assert [errors for _, errors in outputs] == ["", "", ""]


def test_the_default_store_lies_in_the_repository_and_not_in_the_copy_of_an_experiment(
    finished: ArtifactPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(Path.cwd()))
    copy = tmp_path / "copy"
    copy.mkdir()
    root = Path.cwd()
    monkeypatch.chdir(copy)
    store = open_store()
    assert store.address == f"sqlite:///{root}/mlflow.db"
    experiment = store.client.get_experiment(store.experiment_id("people"))
    assert experiment.artifact_location == (root / "mlartifacts").as_uri()
    assert list(copy.iterdir()) == []


def test_a_relative_sqlite_address_hangs_from_the_repository(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    assert open_store().address == f"sqlite:///{Path.cwd()}/mlflow.db"


def test_an_experiment_is_made_once_and_is_never_the_default_one(finished: ArtifactPaths) -> None:
    store = open_store()
    first = store.experiment_id("people")
    assert store.experiment_id("people") == first
    assert first != "0"


def test_a_deleted_experiment_says_how_to_restore_it(finished: ArtifactPaths) -> None:
    store = open_store()
    number = store.experiment_id("people")
    store.client.delete_experiment(number)
    with pytest.raises(BadInputError, match=f"mlflow experiments restore --experiment-id {number}"):
        store.experiment_id("people")


@pytest.mark.parametrize("address", ["./mlruns", "file:///tmp/mlruns"])
def test_a_folder_is_refused_as_a_store(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(BadInputError, match="runs are kept in a database or on a server"):
        open_store()


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    with pytest.raises(BadInputError, match="is no SQLite database"):
        open_store()
    assert file.read_text() == "not a database"


def test_a_server_that_is_not_there_is_reported_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(ServiceUnavailableError, match=r"http://127\.0\.0\.1:9 does not answer") as raised:
        open_store()
    assert time.monotonic() - started < QUICK_SECONDS
    assert "secret" not in str(raised.value)


def test_a_server_that_accepts_and_never_answers_is_reported_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "apps.ml.experiments.tracking.FIRST_REQUEST",
        {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"},
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:secret@127.0.0.1:{port}")
        with pytest.raises(ServiceUnavailableError, match="does not answer as it should") as raised:
            open_store()
    assert "secret" not in str(raised.value)


def test_the_lock_lies_beside_a_sqlite_file_and_else_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert lock_file("sqlite:////data/runs.db") == Path("/data/runs.db.lock")
    assert lock_file("http://127.0.0.1:5000") == tmp_path.resolve() / "mlflow.db.lock"
