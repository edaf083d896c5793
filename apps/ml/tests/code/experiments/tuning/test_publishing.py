"""A study in the tracking store: one run, a run inside it for each trial, each once."""

from pathlib import Path
from typing import Any

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.experiments.runs import latest_runs
from apps.ml.experiments.tracking import open_store
from apps.ml.experiments.tuning.outcome import outcome_of
from apps.ml.experiments.tuning.problem import read_problem
from apps.ml.experiments.tuning.publishing import PARENT, STATE, STUDY, TRIAL, publish_study
from apps.ml.experiments.tuning.records import trial_records
from apps.ml.experiments.tuning.report import write_report
from apps.ml.experiments.tuning.storage import place_of
from apps.ml.experiments.tuning.study import opened
from apps.ml.experiments.tuning.working import Budget, Worker, untold
from apps.ml.parameters import read_parameters
from apps.ml.tests import finished_pipeline
from apps.ml.tests.small_tuning import QUICK, write_section


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactPaths:
    found = finished_pipeline.workspace(tmp_path / "a folder", monkeypatch)
    write_section(found, QUICK)
    return found


def publish(paths: ArtifactPaths, trials: int) -> str:
    problem = read_problem(paths, read_parameters(paths.parameters))
    with opened(problem, place_of(None, paths.studies / "study.db"), "mine") as study:
        Worker(problem, study, Budget(trials), untold).run()
        outcome = outcome_of("mine", problem, trial_records(problem, study.study.get_trials()))
        write_report(paths.studies / "mine", outcome)
        return publish_study(paths, outcome, paths.studies / "mine", study)


def runs() -> list[Any]:
    store = open_store()
    found = store.client.get_experiment_by_name("small_loans tuning")
    return list(store.client.search_runs([found.experiment_id]))


def test_a_study_is_one_run_with_a_run_for_each_trial_inside(paths: ArtifactPaths) -> None:
    parent = publish(paths, 3)
    store, found = open_store(), runs()
    inside = [run for run in found if run.data.tags.get(PARENT) == parent]
    assert len(found) == 4
    assert sorted(run.data.tags[TRIAL] for run in inside) == ["0", "1", "2"]
    assert {run.data.tags[STATE] for run in inside} == {"complete"}
    first = next(run for run in inside if run.data.tags[TRIAL] == "0")
    assert {"loss", "log_loss", "loss_standard_error", "resource_spent", "seconds"} <= set(first.data.metrics)
    assert set(first.data.params) == {"estimator", "var_smoothing"}
    whole = store.client.get_run(parent)
    assert whole.data.tags[STUDY] == "mine"
    assert whole.data.metrics["trials_complete"] == 3
    assert {given.dataset.name for given in whole.inputs.dataset_inputs} == {
        "small_loans train",
        "small_loans validation",
    }
    assert {entry.path for entry in store.client.list_artifacts(parent, "tuning")} >= {"tuning/study.json"}


def test_going_on_logs_only_the_new_trials(paths: ArtifactPaths) -> None:
    parent = publish(paths, 2)
    before = {run.data.tags[TRIAL]: run.info.run_id for run in runs()}
    assert publish(paths, 2) == parent
    assert publish(paths, 4) == parent
    after = {run.data.tags[TRIAL]: run.info.run_id for run in runs()}
    assert len(runs()) == 5
    assert before.items() <= after.items()


def test_a_trial_that_was_logged_half_way_is_logged_again(paths: ArtifactPaths) -> None:
    publish(paths, 2)
    broken = next(run for run in runs() if run.data.tags[TRIAL] == "1")
    open_store().client.update_run(broken.info.run_id, status="RUNNING")
    publish(paths, 2)
    found = [run for run in runs() if run.data.tags[TRIAL] == "1"]
    assert [run.info.status for run in found] == ["FINISHED"]


def test_studies_are_no_complete_runs(paths: ArtifactPaths) -> None:
    publish(paths, 2)
    assert latest_runs(open_store()) == []
