"""The promise of the README: a clone reproduces the committed results to the byte, and its champion answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from apps.ml.artifact_paths import STAGES
from apps.ml.data.processed import read_split
from tests.workspace import Workspace, copy_of_repository

pytestmark = pytest.mark.pipeline

PATIENCE_SECONDS = 300


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the repository as committed, in which the whole pipeline ran."""
    workspace = copy_of_repository(tmp_path_factory.mktemp("default") / "repository")
    output = workspace.run("dvc", "repro").stdout
    assert workspace.stages_run(output) == list(STAGES)
    return workspace


@pytest.fixture(scope="module")
def address(clone: Workspace) -> Iterator[str]:
    """`fairmind serve` on a free port, stopped at the end."""
    command = [sys.executable, "-m", "apps.ml.command_line", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=clone.root, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield _address_printed_by(server)
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE_SECONDS)


def _address_printed_by(server: "subprocess.Popen[str]") -> str:
    for line in server.stdout or []:
        event = json.loads(line)
        if event["event"] == "ready":
            return str(event["address"])
    raise AssertionError("the server ended without saying that it is ready")


def test_a_clone_reproduces_the_committed_results_to_the_byte(clone: Workspace) -> None:
    assert clone.run("git", "status", "--porcelain").stdout == ""


def test_the_default_model_passes_its_gates_and_is_champion(clone: Workspace) -> None:
    assert clone.run("fairmind", "models", "gate").returncode == 0
    versions = clone.json("fairmind", "models", "list", "--json")["versions"]
    assert [sorted(version["aliases"]) for version in versions] == [["candidate", "champion"]]


def test_the_results_are_printed_with_intervals_and_the_path_of_the_report(clone: Workspace) -> None:
    printed = clone.run("fairmind", "results", check=True, COLUMNS="160").stdout
    assert "roc_auc" in printed
    assert "reports/report.html" in printed


def test_the_champion_answers_over_http_with_the_scores_of_the_evaluation(clone: Workspace, address: str) -> None:
    rows = read_split(clone.root / "artifacts/01_processed", "test").features.head(20)
    predicted = pd.read_parquet(clone.root / "artifacts/04_predictions/test.parquet").head(20)
    models = httpx.get(f"{address}/v1/models", timeout=PATIENCE_SECONDS).json()["models"]
    columns = {column["name"] for column in models[0]["columns"]}
    instances = [
        {name: None if pd.isna(value) else value for name, value in row.items() if name in columns}
        for row in rows.to_dict(orient="records")
    ]
    answer = httpx.post(f"{address}/v1/predict", json={"instances": instances}, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["evidence"] == clone.read_json("reports/evidence.json")["digest"]
    scores = [prediction["score"] for prediction in answer.json()["predictions"]]
    assert scores == pytest.approx(list(predicted["score"]), abs=1e-12)


def test_lineage_walks_from_the_version_to_the_commit_and_the_evidence(clone: Workspace) -> None:
    lineage = clone.run("fairmind", "models", "lineage", "loan_applications", "--json").stdout
    commit = clone.run("git", "rev-parse", "HEAD").stdout.strip()
    assert commit in lineage
    assert clone.read_json("reports/evidence.json")["digest"] in lineage


def test_the_true_probability_is_no_feature_and_checks_the_evidence(clone: Workspace) -> None:
    schema = clone.read_json("artifacts/01_processed/schema.json")
    assert schema["held_out"] == ["true_repayment_probability"]
    assert "true_repayment_probability" not in [column["name"] for column in schema["columns"]]
    truth = clone.read_json("reports/evidence.json")["truth"]["true_repayment_probability"]
    assert truth["correlation"]["lower"] > 0.9


def test_the_environment_of_the_tests_is_not_needed_elsewhere(clone: Workspace, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "apps.ml.command_line", "models", "gate", "--json"],
        cwd=clone.root,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
