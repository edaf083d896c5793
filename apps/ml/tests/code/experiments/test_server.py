"""The publisher against MLflow's own server, which keeps the artifacts itself."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.experiments import registry
from apps.ml.experiments.fingerprint import dvc_digest
from apps.ml.experiments.lineage import gates_of_run
from apps.ml.experiments.publisher import publish_working_tree
from apps.ml.experiments.tracking import open_store
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline

START_SECONDS = 600.0
END_SECONDS = 120.0
MOST_PORTS = 5
PATIENT_REQUESTS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "300", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


@pytest.fixture
def server(finished: ArtifactPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server over the empty store of `finished`."""
    monkeypatch.setattr("apps.ml.experiments.tracking.FIRST_REQUEST", PATIENT_REQUESTS)
    for _ in range(MOST_PORTS):
        with _started(tmp_path / "kept") as (address, process):
            if _answers(address, process):
                monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
                yield address
                return
    raise AssertionError("the server did not start")


@contextmanager
def _started(kept: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Start a server on a port that was free a moment ago: it cannot be told to find one itself."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    places = ["--backend-store-uri", f"sqlite:///{Path.cwd()}/mlflow.db", "--artifacts-destination", str(kept)]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(
        [*command, *places], env=os.environ | quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(END_SECONDS)


def _answers(address: str, process: "subprocess.Popen[bytes]") -> bool:
    """Wait until the server answers; False where it ended, as it does where somebody else took its port."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None:
        assert time.monotonic() < deadline, "the server does not answer"
        with suppress(httpx.TransportError):
            if httpx.get(f"{address}/health", timeout=30).status_code == 200:
                return True
        time.sleep(0.2)
    return False


def test_a_server_gets_run_model_and_version_and_gives_the_same_bytes_back(
    finished: ArtifactPaths, server: str, tmp_path: Path
) -> None:
    model_registration.main(finished)
    assert publish_working_tree(finished).reused
    store = open_store()
    assert store.is_server
    version = registry.find_version(store, finished_pipeline.MODEL)
    assert version.number == "1"
    assert set(gates_of_run(store, version.run_id)) == {"ranking", "four fifths"}
    import mlflow

    files = store.client.get_model_version_download_uri(version.name, version.number)
    fetched = mlflow.artifacts.download_artifacts(files, dst_path=str(tmp_path / "got"), tracking_uri=server)
    assert dvc_digest(Path(fetched) / "artifacts" / "bundle") == dvc_digest(finished.bundle)
    assert not Path("mlartifacts").exists()
