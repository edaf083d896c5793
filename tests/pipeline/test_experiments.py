"""`dvc exp run` in a real repository: every experiment is its own tracked run with the right parameters."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.workspace import Workspace

pytestmark = pytest.mark.pipeline

QUEUE_TIMEOUT_SECONDS = 1800
START_TWO_WORKERS = "dvc queue start --jobs 2 > .dvc/tmp/queue.log 2>&1"
"""Workers keep the streams they were given; whoever reads those would wait for the last worker to end."""

HELD_PYTHON = """#!/bin/sh
if [ -e "{held}" ]; then
    : > "{held}/$$"
    while [ -e "{held}" ]; do sleep 0.2; done
    exit 1
fi
exec "{python}" "$@"
"""
"""A stage that begins while the folder is there leaves a file in it, and fails when the folder is gone."""

STATES = ("Queued", "Running", "Failed", "Success")


class Task(NamedTuple):
    """A line of `dvc queue status`."""

    id: str
    name: str
    state: str


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


class HeldStages:
    """Stages of workers that are started with `environment`; `begun`: how many have begun and are held."""

    def __init__(self, folder: Path) -> None:
        self._held = folder / "held"
        self._held.mkdir()
        python = folder / "python"
        python.write_text(HELD_PYTHON.format(held=self._held, python=sys.executable), encoding="utf-8")
        python.chmod(0o755)
        path = (str(folder), str(Path(sys.executable).parent), os.environ["PATH"])
        self.environment = {"PATH": os.pathsep.join(path)}

    @property
    def begun(self) -> int:
        return len(list(self._held.iterdir()))

    def end(self) -> None:
        """End the stages that are held; what begins later is not."""
        if self._held.exists():
            self._held.rename(self._held.with_name("ended"))


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldStages]:
    stages = HeldStages(tmp_path)
    yield stages
    stages.end()


def test_queued_experiments_that_were_interrupted_each_publish_their_own_parameters_once(
    reproduced: Workspace, held: HeldStages
) -> None:
    reproduced.run("dvc", "exp", "run", "--queue", "--name", "sweep", "-S", "model_training.threshold.value=0.4,0.45")
    reproduced.run("sh", "-c", START_TWO_WORKERS, check=True, **held.environment)
    _wait_until(lambda: held.begun == 2)
    _wait_until(lambda: _states(reproduced) == {"sweep-1": "Running", "sweep-2": "Running"})
    reproduced.run("dvc", "queue", "stop", "--kill")
    held.end()
    _wait_until(lambda: _states(reproduced) == {"sweep-1": "Failed", "sweep-2": "Failed"})
    _wait_until(lambda: not _live_workers(reproduced))
    for task in _queue(reproduced):
        reproduced.run("git", "checkout", "--quiet", task.id, "--", "params.yaml")
        reproduced.run("dvc", "exp", "run", "--queue", "--name", task.name)
    reproduced.run("git", "checkout", "--quiet", "HEAD", "--", "params.yaml")
    reproduced.run("dvc", "queue", "remove", "--failed")
    reproduced.run("sh", "-c", START_TWO_WORKERS)
    _wait_until(lambda: _states(reproduced) == {"sweep-1": "Success", "sweep-2": "Success"})
    assert {"sweep-1", "sweep-2"} <= set(reproduced.run("dvc", "exp", "list", "--name-only").stdout.split())
    published = sorted(
        (
            run["experiment"],
            run["parameters"]["model_training.threshold.value"],
            run["metrics"]["performance.threshold"],
        )
        for run in _runs(reproduced)
        if run["experiment"] in {"sweep-1", "sweep-2"}
    )
    assert published == [("sweep-1", "0.4", 0.4), ("sweep-2", "0.45", 0.45)]
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


def test_a_branch_made_from_a_queued_experiment_is_published_without_running_a_stage(reproduced: Workspace) -> None:
    run = next(run for run in _runs(reproduced) if run["experiment"] == "sweep-2")
    reproduced.run("dvc", "exp", "branch", "sweep-2", "kept")
    reproduced.run("git", "checkout", "--quiet", "kept")
    reproduced.run("dvc", "checkout", "--quiet")
    assert reproduced.stages_run(reproduced.run("dvc", "repro").stdout) == ["model_registration"]
    assert reproduced.stages_run(reproduced.run("dvc", "repro").stdout) == []
    assert reproduced.run("git", "status", "--porcelain").stdout == ""
    versions = reproduced.json("fairmind", "models", "list", "--json")["versions"]
    candidate = next(version for version in versions if "candidate" in version["aliases"])
    assert candidate["run_id"] == run["run_id"]
    lineage = reproduced.json("fairmind", "models", "lineage", "loan_applications@candidate", "--json")
    assert lineage["commit"] == reproduced.run("git", "rev-parse", "kept").stdout.strip()
    assert not lineage["dirty"]
    reproduced.run("git", "checkout", "--quiet", "main")
    reproduced.run("dvc", "checkout", "--quiet")
    reproduced.run("dvc", "repro")


def _runs(workspace: Workspace) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = workspace.json("fairmind", "runs", "list", "--json")["runs"]
    return runs


def _queue(workspace: Workspace) -> list[Task]:
    lines = workspace.run("dvc", "queue", "status").stdout.splitlines()
    return [Task(line.split()[0], line.split()[1], line.split()[-1]) for line in lines if line.endswith(STATES)]


def _states(workspace: Workspace) -> dict[str, str]:
    return {task.name: task.state for task in _queue(workspace)}


def _live_workers(workspace: Workspace) -> list[Path]:
    return [path for path in (workspace.root / ".dvc/tmp/exps/celery").glob("*.pid") if _lives(path)]


def _lives(pid_file: Path) -> bool:
    """Whether the process whose number a file holds lives; one that writes its file at this moment does."""
    try:
        os.kill(int(pid_file.read_text()), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except ValueError:
        return True
    return True


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + QUEUE_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if happened():
            return
        time.sleep(1)
    raise AssertionError("it did not happen in time")
