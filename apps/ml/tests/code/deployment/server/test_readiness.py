"""What the server says of itself before, while and after a model is loaded."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from apps.ml.deployment.native.schemas import ModelList, Readiness
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.models.bundle import ModelBundle
from apps.ml.tests.code.deployment.conftest import COLUMNS, running, wait_until_finished


@dataclass(frozen=True)
class HeldSource:
    """A folder that is not loaded before `release` is set."""

    folder: Path
    address: str = "a slow folder"
    release: threading.Event = field(default_factory=threading.Event)

    def load(self) -> ServedModel:
        self.release.wait()
        return FolderSource(self.folder).load()


@dataclass(frozen=True)
class BrokenSource:
    """Loading fails in a way that nobody foresaw."""

    address: str = "a broken source"

    def load(self) -> ServedModel:
        raise ZeroDivisionError


def test_a_server_is_alive_and_not_ready_until_its_model_is_loaded(bundle_folder: Path) -> None:
    source = HeldSource(bundle_folder)
    with running(source) as client:
        try:
            assert client.get("/healthz").json() == {"status": "alive"}
            before = client.get("/readyz")
            assert (before.status_code, before.json()["state"]) == (503, "loading")
            assert "a slow folder is being loaded" in before.json()["reason"]
            asked_for_heads = [client.head(path) for path in ("/healthz", "/readyz")]
            assert [(answer.status_code, answer.content) for answer in asked_for_heads] == [(200, b""), (503, b"")]
            refused = client.post("/v1/predict", json={"instances": [{}]})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_ready")
            assert refused.headers["retry-after"] == "1"
            assert client.get("/v1/models").json() == {"models": []}
        finally:
            source.release.set()
        assert wait_until_finished(client)["ready"]
        after = client.get("/readyz")
        assert after.status_code == 200
        head = client.head("/readyz")
        assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "application/json")
        assert Readiness.model_validate(after.json()).model == "toy_loans"


def test_a_server_whose_model_cannot_be_loaded_stays_alive_and_says_why(tmp_path: Path) -> None:
    with running(FolderSource(tmp_path / "nowhere")) as client:
        answer = wait_until_finished(client)
        assert (answer["ready"], answer["state"]) == (False, "failed")
        assert "holds no bundle" in answer["reason"]
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_loading_that_ends_unexpectedly_is_not_taken_for_loading(tmp_path: Path) -> None:
    with running(BrokenSource()) as client:
        answer = wait_until_finished(client)
        assert (answer["state"], answer["reason"].split(";")[0]) == ("failed", "Loading ended unexpectedly")


def test_the_model_list_tells_signature_threshold_and_meaning(client: httpx.Client, bundle: ModelBundle) -> None:
    (model,) = ModelList.model_validate(client.get("/v1/models").json()).models
    assert (model.name, model.threshold, model.training_rows) == ("toy_loans", bundle.info.threshold, 200)
    assert (model.favourable, model.positive_name, model.negative_name) == ("positive", "repaid", "defaulted")
    assert [column.name for column in model.columns] == [column.name for column in COLUMNS]
    assert [column.type for column in model.columns] == ["integer", "number", "string", "boolean"]
    assert (model.columns[0].minimum, model.columns[2].categories) == (18, ["car", "home", "school"])
