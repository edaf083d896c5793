"""Where a served model comes from: folders, the registry, and what is said when there is nothing."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from apps.ml.deployment.versions.model_source import (
    FolderSource,
    RegistrySource,
    default_address,
    find_bundle,
    model_source,
)
from apps.ml.errors import BadInputError, BundleError, ParameterError, RegistryError, ServiceUnavailableError
from apps.ml.files import sha256_of_file
from apps.ml.models.bundle import ModelBundle
from apps.ml.tests.code.deployment.conftest import loan_rows
from apps.ml.tests.local_server import closed_port
from apps.ml.tracking_address import EVIDENCE_TAG

NAME = "toy_loans"
EVIDENCE = "e" * 64


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("models:/loans@champion", RegistrySource("loans", alias="champion")),
        ("models:/loans/12", RegistrySource("loans", version="12")),
        ("artifacts/03_models/bundle", FolderSource(Path("artifacts/03_models/bundle"))),
    ],
)
def test_an_address_is_read_and_written_alike(address: str, source: Any) -> None:
    assert model_source(address) == source
    assert source.address == address


@pytest.mark.parametrize(
    "address",
    ["models:/loans", "models:/loans@", "models:/loans/latest", "models:/loans/0", "models:/a/b/1", "models:/"],
)
def test_a_registry_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(BadInputError, match="Write models:/<name>@<alias>"):
        model_source(address)


def test_the_environment_names_the_model_before_params_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy("params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAIRMIND_MODEL", raising=False)
    assert default_address() == "models:/loan_applications@champion"
    monkeypatch.setenv("FAIRMIND_MODEL", "models:/other/3")
    assert default_address() == "models:/other/3"


def test_without_environment_and_params_yaml_there_is_no_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAIRMIND_MODEL", raising=False)
    with pytest.raises(ParameterError, match="root of the repository"):
        default_address()


def test_a_folder_gives_a_model_without_version_and_says_why_there_is_no_evidence(
    bundle_folder: Path, bundle: ModelBundle
) -> None:
    served = FolderSource(bundle_folder).load()
    assert (served.name, served.version, served.alias, served.evidence) == (NAME, None, None, None)
    assert "a version of the registry carries its evidence" in str(served.evidence_missing)
    assert served.bundle_digest == sha256_of_file(bundle_folder / "manifest.json")
    assert served.bundle.info == bundle.info


def test_a_bundle_is_found_inside_an_mlflow_model(bundle_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle_folder, tmp_path / "artifacts" / "bundle")
    assert find_bundle(tmp_path) == tmp_path / "artifacts" / "bundle"


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no manifest\.json\. Name models:/"):
        FolderSource(tmp_path / "nowhere").load()


def test_a_damaged_bundle_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle_folder, tmp_path / "bundle")
    text = (tmp_path / "bundle" / "model.json").read_text()
    (tmp_path / "bundle" / "model.json").write_text(text.replace("0.4", "0.1"))
    with pytest.raises(BundleError, match=r"model\.json was changed"):
        FolderSource(tmp_path / "bundle").load()


def test_no_registry_file_means_no_champion_and_none_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(RegistryError, match="dvc repro"):
        RegistrySource("loans", alias="champion").load()
    assert list(tmp_path.iterdir()) == []


def test_a_closed_port_is_reported_at_once_and_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    connect = socket.socket.connect

    def counted(one: socket.socket, where: Any) -> None:
        tried.append(where)
        connect(one, where)

    monkeypatch.setattr(socket.socket, "connect", counted)
    port = closed_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://somebody:password@127.0.0.1:{port}")
    with pytest.raises(ServiceUnavailableError, match=rf"http://127\.0\.0\.1:{port} does not answer") as caught:
        RegistrySource("loans", alias="champion").load()
    assert "password" not in str(caught.value)
    assert tried.count(("127.0.0.1", port)) == 1, "MLflow by itself asks again and again, for minutes"


def test_a_registry_that_is_no_database_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlflow.db").write_text("this is not a database " * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        RegistrySource("loans", alias="champion").load()


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_a_server_that_is_no_registry_is_reported(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(ServiceUnavailableError, match=f"{address} does not answer"):
            RegistrySource("loans", alias="champion").load()


@contextmanager
def answering(status: int) -> Iterator[str]:
    """Run a web server that answers every request with `status` and a page; yield its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>")

        do_POST = do_GET  # noqa: N815 - the name that the base class calls

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def registry(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real SQLite registry with one version of the bundle, wrapped as an MLflow model; no alias yet."""
    mlflow = pytest.importorskip("mlflow")
    root = tmp_path_factory.mktemp("registry")
    address = f"sqlite:///{root}/mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
    folder = root / "model"
    shutil.copytree(bundle_folder, folder / "artifacts" / "bundle")
    (folder / "MLmodel").write_text("flavors: {}\n")
    client.create_registered_model(NAME)
    client.create_model_version(NAME, source=str(folder), tags={EVIDENCE_TAG: EVIDENCE})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", address)
        yield address


def test_a_version_is_loaded_from_the_registry_with_its_evidence(registry: str, bundle: ModelBundle) -> None:
    served = model_source(f"models:/{NAME}/1").load()
    assert (served.name, served.version, served.alias, served.evidence) == (NAME, "1", None, EVIDENCE)
    assert served.evidence_missing is None
    frame, _ = loan_rows(20, seed=3)
    assert served.bundle.score(frame).tolist() == bundle.score(frame).tolist()


def test_a_registry_without_a_champion_names_the_command_that_makes_one(registry: str) -> None:
    with pytest.raises(RegistryError, match=f"fairmind models promote {NAME} --version N"):
        model_source(f"models:/{NAME}@champion").load()


@pytest.mark.parametrize("address", ["models:/unknown@champion", "models:/unknown/1", f"models:/{NAME}/99"])
def test_what_the_registry_does_not_hold_is_a_registry_error(registry: str, address: str) -> None:
    with pytest.raises(RegistryError, match="fairmind models list"):
        model_source(address).load()


def test_a_version_that_holds_no_bundle_is_refused(registry: str, tmp_path: Path) -> None:
    import mlflow

    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    client = mlflow.MlflowClient(tracking_uri=registry, registry_uri=registry)
    client.create_registered_model("foreign")
    client.create_model_version("foreign", source=str(tmp_path))
    with pytest.raises(BundleError, match="Version 1 of 'foreign' holds no bundle"):
        model_source("models:/foreign/1").load()


def test_an_alias_is_resolved_to_the_version_it_names(registry: str) -> None:
    import mlflow

    mlflow.MlflowClient(tracking_uri=registry, registry_uri=registry).set_registered_model_alias(NAME, "review", "1")
    served = model_source(f"models:/{NAME}@review").load()
    assert (served.version, served.alias) == ("1", "review")
