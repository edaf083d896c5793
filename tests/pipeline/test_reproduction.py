"""`fairmind runs reproduce` in a real repository: a published run comes out the same from a clone at its commit."""

import json
from pathlib import Path

import pytest

from apps.ml.artifact_paths import STAGES
from tests.workspace import Workspace

pytestmark = pytest.mark.pipeline


def test_a_published_version_comes_out_to_the_byte(reproduced: Workspace, tmp_path: Path) -> None:
    before = reproduced.run("git", "status", "--porcelain").stdout
    arguments = ("runs", "reproduce", "loan_applications@candidate", "--keep", str(tmp_path / "kept"), "--json")
    done = reproduced.run("fairmind", *arguments, DVC_EXP_NAME="leads astray")
    content = json.loads(done.stdout)
    assert content["verdict"] == "identical"
    assert content["stages"] == list(STAGES)
    assert content["metrics"]["compared"] > 1000
    assert content["predictions"]["scores_differ"] == 0
    assert all(found["same"] for found in content["outputs"].values())
    assert [line.split()[-1] for line in done.stderr.splitlines()] == list(STAGES)
    assert (tmp_path / "kept" / "artifacts" / "03_models").is_dir()
    assert len(reproduced.json("fairmind", "runs", "list", "--json")["runs"]) >= 1
    assert reproduced.run("git", "status", "--porcelain").stdout == before


def test_an_experiment_is_reproduced_and_code_that_no_commit_holds_is_refused(reproduced: Workspace) -> None:
    reproduced.run("dvc", "exp", "run", "--name", "slim", "-S", "model_training.estimators.lightgbm.num_leaves=4")
    content = reproduced.json("fairmind", "runs", "reproduce", "slim", "--json")
    assert (content["verdict"], content["experiment"]) == ("identical", "slim")
    reproduced.run("git", "checkout", "--quiet", ".")
    reproduced.run("dvc", "exp", "remove", "slim")
    run_id = _run_of(reproduced, "slim")
    training = reproduced.root / "apps/ml/models/training.py"
    training.write_text(training.read_text(encoding="utf-8") + "\n# changed by hand\n", encoding="utf-8")
    reproduced.run("dvc", "exp", "run", "--name", "by-hand", "-S", "model_training.estimators.lightgbm.num_leaves=5")
    reproduced.run("git", "checkout", "--quiet", ".")
    reproduced.run("dvc", "exp", "remove", "by-hand")
    done = reproduced.run("fairmind", "runs", "reproduce", "by-hand", check=False)
    assert done.returncode == 2
    assert "changes that no commit holds: apps/ml/models" in done.stderr
    again = reproduced.json("fairmind", "runs", "reproduce", run_id, "--json")
    assert again["verdict"] == "identical"
    assert "params.yaml, which is restored from the run" in again["warnings"][0]
    reproduced.run("dvc", "checkout", "--quiet", "--force", check=False)
    reproduced.run("dvc", "repro")


def _run_of(workspace: Workspace, experiment: str) -> str:
    runs = workspace.json("fairmind", "runs", "list", "--json")["runs"]
    return next(str(run["run_id"]) for run in runs if experiment in run["experiments"])
