"""What the pipeline's last stage publishes is what the server serves: same scores, same evidence, named version."""

from pathlib import Path

import pandas as pd
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_split
from apps.ml.deployment.versions.model_source import default_address, model_source
from apps.ml.files import read_json, sha256_of_file
from apps.ml.models.bundle import read_bundle
from apps.ml.models.golden_rows import records
from apps.ml.pipelines import model_registration
from apps.ml.tests.code.deployment.conftest import running, wait_until_finished
from apps.ml.tests.finished_pipeline import MODEL, measure, workspace


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactPaths:
    """A workspace whose gates have passed, so that its version is champion."""
    monkeypatch.delenv("FAIRMIND_MODEL", raising=False)
    paths = workspace(tmp_path / "workspace", monkeypatch)
    measure(paths, roc_auc=0.9)
    model_registration.main(paths)
    return paths


def test_the_champion_answers_with_its_version_its_evidence_and_the_bundles_scores(published: ArtifactPaths) -> None:
    rows: pd.DataFrame = read_split(published.processed, "test").features.head(20)
    bundle = read_bundle(published.bundle)
    instances = records(rows, bundle.info.columns)
    with running(model_source(default_address())) as client:
        assert wait_until_finished(client)["ready"]
        answer = client.post("/v1/predict", json={"instances": instances, "alias": "champion", "version": 1}).json()
        (served,) = client.get("/v1/models").json()["models"]
    assert (answer["model"], answer["version"]) == (MODEL, "1")
    assert answer["evidence"] == read_json(published.evidence)["digest"]
    assert [entry["score"] for entry in answer["predictions"]] == bundle.score(rows).tolist()
    assert served["bundle"] == sha256_of_file(published.bundle / "manifest.json")
    assert (served["alias"], served["evidence_missing"]) == ("champion", None)
