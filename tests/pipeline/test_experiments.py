"""`dvc exp run` in a real repository: every experiment is its own tracked run with the right parameters."""

import time
from typing import Any

import pytest

from tests.workspace import Workspace

pytestmark = pytest.mark.pipeline

QUEUE_TIMEOUT_SECONDS = 240


def test_an_experiment_in_the_workspace_has_its_own_run(reproduced: Workspace) -> None:
    before = _runs(reproduced)
    reproduced.run("dvc", "exp", "run", "--name", "linear", "-S", "model_training.estimator=logistic_regression")
    after = [run for run in _runs(reproduced) if run["run_id"] not in {entry["run_id"] for entry in before}]
    assert [run["parameters"]["model_training.estimator"] for run in after] == ["logistic_regression"]
    assert after[0]["experiment"] == "linear"
    shown = reproduced.json("dvc", "metrics", "show", "--json")[""]["data"]["reports/metrics/performance.json"]["data"]
    assert after[0]["metrics"]["performance.roc_auc"] == pytest.approx(shown["roc_auc"]["value"], abs=1e-12)
    difference = reproduced.json("dvc", "metrics", "diff", "--json")["reports/metrics/performance.json"]
    assert difference["roc_auc.value"]["new"] == shown["roc_auc"]["value"]
    plots = reproduced.json("dvc", "plots", "diff", "--json")["data"]
    revisions = {point["rev"] for point in plots["ROC curve"][0]["content"]["data"]["values"]}
    assert revisions == {"HEAD", "workspace"}
    reproduced.run("git", "checkout", "--quiet", ".")
    reproduced.run("dvc", "checkout", "--quiet", "--force", check=False)
    reproduced.run("dvc", "repro")


def test_queued_experiments_on_two_workers_each_publish_their_own_parameters(reproduced: Workspace) -> None:
    reproduced.run("dvc", "exp", "run", "--queue", "-S", "model_training.threshold.value=0.4,0.45")
    reproduced.run("dvc", "queue", "start", "--jobs", "2")
    _wait_for_queue(reproduced)
    thresholds = {
        run["parameters"]["model_training.threshold.value"]: run["metrics"]["performance.threshold"]
        for run in _runs(reproduced)
    }
    assert thresholds["0.4"] == 0.4
    assert thresholds["0.45"] == 0.45
    assert reproduced.run("git", "status", "--porcelain").stdout == ""


def test_experiments_are_compared_with_the_numbers_that_dvc_shows(reproduced: Workspace) -> None:
    shown = reproduced.json("dvc", "exp", "show", "--json")
    experiments = {
        experiment["revs"][0]["name"]: experiment["revs"][0]["data"]["metrics"]
        for baseline in shown
        for experiment in baseline.get("experiments") or []
    }
    compared = reproduced.json("fairmind", "runs", "compare", *experiments, "--json")
    by_name = {run["experiment"]: run for run in compared["runs"]}
    assert set(by_name) == set(experiments)
    for name, metrics in experiments.items():
        value = metrics["reports/metrics/performance.json"]["data"]["roc_auc"]["value"]
        assert by_name[name]["metrics"]["performance.roc_auc"]["value"] == pytest.approx(value, abs=1e-12)


def test_experiments_register_no_version_until_one_is_promoted(reproduced: Workspace) -> None:
    before = len(reproduced.json("fairmind", "models", "list", "--json")["versions"])
    arguments = ("--experiment", "linear", "--override", "--reason", "test of promotion", "--json")
    reproduced.run("fairmind", "models", "promote", "loan_applications", *arguments)
    assert len(reproduced.json("fairmind", "models", "list", "--json")["versions"]) == before + 1


def _runs(workspace: Workspace) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = workspace.json("fairmind", "runs", "list", "--json")["runs"]
    return runs


def _wait_for_queue(workspace: Workspace) -> None:
    deadline = time.monotonic() + QUEUE_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        status = workspace.run("dvc", "queue", "status").stdout
        assert "Failed" not in status, status
        if "Queued" not in status and "Running" not in status:
            return
        time.sleep(2)
    raise AssertionError("the queue did not end in time")
