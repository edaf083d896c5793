import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from apps.ml.artifact_paths import STAGES, ArtifactPaths
from apps.ml.data.processed import read_split
from apps.ml.errors import BadInputError
from apps.ml.experiments import publisher, run_writing, tags
from apps.ml.experiments.fingerprint import dvc_digest, fingerprint_of
from apps.ml.experiments.publisher import publish_working_tree
from apps.ml.experiments.run_content import flat_metrics
from apps.ml.experiments.runs import complete_run, experiment_names, latest_runs
from apps.ml.experiments.tracking import TrackingStore, open_store
from apps.ml.files import read_json
from apps.ml.models.bundle import read_bundle
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline


def _only_run(store: TrackingStore) -> Any:
    runs = latest_runs(store)
    assert len(runs) == 1
    return runs[0]


def _artifact(store: TrackingStore, run: Any, path: str, folder: Path) -> str:
    return Path(store.client.download_artifacts(run.info.run_id, path, str(folder))).read_text(encoding="utf-8")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_holds_everything_about_its_fingerprint(finished: ArtifactPaths, tmp_path: Path) -> None:
    model_registration.main(finished)
    store = open_store()
    run = _only_run(store)
    facts = run.data.tags
    assert facts[tags.FINGERPRINT] == fingerprint_of(finished).value
    assert facts[tags.EVIDENCE] == read_json(finished.evidence)["digest"]
    assert facts[tags.OUTPUT + "artifacts/03_models/bundle"] == dvc_digest(finished.bundle)
    assert facts[tags.VERDICT] == "PASS"
    assert facts[tags.GATE + "four fifths"] == "PASS"
    assert facts[tags.UNDEFINED] == "performance.precision: no row was predicted positive"
    assert facts[tags.ENVIRONMENT + "python"].startswith("3.")
    assert run.data.params["model_training.estimator"] == "lightgbm"
    assert run.data.metrics["performance.roc_auc"] == 0.8
    assert run.data.metrics["performance.roc_auc_lower"] == 0.75
    assert run.data.metrics["fairness.sex.groups.female x Black.selection_rate"] == 0.4
    assert _artifact(store, run, "reports/model_card.md", tmp_path) == finished.model_card.read_text()
    assert _artifact(store, run, "params.yaml", tmp_path) == finished.parameters.read_text()
    assert json.loads(_artifact(store, run, "reports/metrics/registration.json", tmp_path)) == read_json(
        finished.metric("registration")
    )


def test_every_measurement_of_the_metric_files_is_a_metric_of_the_run(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    names = ("data_quality", "performance", "fairness", "explainability")
    expected = flat_metrics({name: read_json(finished.metric(name)) for name in names})
    metrics = _only_run(open_store()).data.metrics
    assert {name: value for name, value in metrics.items() if not name.startswith("cost.")} == expected.values


def test_the_rows_of_each_split_are_inputs_with_digest_and_count(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    inputs = {entry.dataset.name: entry for entry in _only_run(open_store()).inputs.dataset_inputs}
    test = inputs[f"{finished_pipeline.MODEL} test"]
    assert test.dataset.digest == dvc_digest(finished.processed / "test.parquet")
    assert json.loads(test.dataset.profile) == {"num_rows": 300}
    assert [tag.value for tag in test.tags] == ["evaluation"]
    assert len(inputs) == 3


def test_what_was_measured_on_test_rows_is_tied_to_them_and_the_columns_are_named(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    store = open_store()
    run = _only_run(store)
    measured = {metric.key: metric for metric in store.client.get_logged_model(run.data.tags[tags.MODEL]).metrics}
    digest = dvc_digest(finished.processed / "test.parquet")
    assert measured["performance.roc_auc"].dataset_digest == digest
    assert measured["cost.bundle_bytes"].dataset_digest is None
    inputs = {entry.dataset.name: entry.dataset for entry in run.inputs.dataset_inputs}
    columns = json.loads(inputs[f"{finished_pipeline.MODEL} test"].schema)["mlflow_colspec"]
    assert {"name": "owner", "type": "boolean", "required": False} in columns


def test_mlflow_shows_what_a_run_is_where_it_looks_for_it(committed: ArtifactPaths) -> None:
    model_registration.main(committed)
    facts = _only_run(open_store()).data.tags
    assert facts[tags.MLFLOW_COMMIT] == _git("rev-parse", "HEAD")
    assert facts[tags.MLFLOW_SOURCE] == "dvc repro"
    assert "lightgbm on Small loans" in facts[tags.MLFLOW_NOTE]


def test_an_experiment_is_listed_below_the_run_that_its_baseline_records(
    committed: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_lock(committed)
    model_registration.main(committed)
    store = open_store()
    parent = _only_run(store).info.run_id
    _git("add", "dvc.lock")
    _git("commit", "-qm", "results")
    finished_pipeline.measure(committed, 0.81)
    _write_lock(committed)
    with monkeypatch.context() as variables:
        variables.setenv("DVC_EXP_NAME", "brisk-lamp")
        variables.setenv("DVC_EXP_BASELINE_REV", _git("rev-parse", "HEAD"))
        model_registration.main(committed)
    child = latest_runs(store, most=1)[0]
    assert child.info.run_id != parent
    assert child.data.tags[tags.PARENT] == parent
    assert tags.PARENT not in store.client.get_run(parent).data.tags


def test_the_model_in_the_store_holds_the_exact_bytes_of_the_bundle(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    store = open_store()
    model = store.client.get_logged_model(_only_run(store).data.tags[tags.MODEL])
    stored = Path(model.artifact_location.removeprefix("file://").replace("%20", " ")) / "artifacts" / "bundle"
    assert dvc_digest(stored) == dvc_digest(finished.bundle)
    assert str(model.status) == "READY"


def test_the_champion_loads_with_mlflow_where_pickle_is_forbidden_and_scores_as_the_bundle(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_registration.main(finished)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", open_store().address)
    monkeypatch.setattr(sys, "path", [*sys.path])
    import mlflow

    loaded = mlflow.pyfunc.load_model(f"models:/{finished_pipeline.MODEL}@champion")
    bundle = read_bundle(finished.bundle)
    rows = read_split(finished.processed, "test").features[[column.name for column in bundle.info.columns]]
    answer = loaded.predict(rows)
    expected = bundle.score(rows)
    assert np.array_equal(answer["score"].to_numpy(), expected)
    assert np.array_equal(answer["decision"].to_numpy(), bundle.decide(expected))
    assert loaded.metadata.metadata[tags.EVIDENCE] == read_json(finished.evidence)["digest"]


def test_the_same_fingerprint_reuses_its_run(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    before = _only_run(open_store()).info.run_id
    again = publish_working_tree(finished)
    assert again.reused
    assert again.run_id == before
    assert again.version == "1"


def test_other_outputs_make_another_run(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    finished_pipeline.measure(finished, roc_auc=0.82)
    model_registration.main(finished)
    assert [run.data.metrics["performance.roc_auc"] for run in latest_runs(open_store())] == [0.82, 0.8]


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_a_run_that_ended_half_way_is_replaced(status: str, finished: ArtifactPaths) -> None:
    store = open_store()
    experiment_id = store.experiment_id(finished_pipeline.MODEL)
    fingerprint = fingerprint_of(finished).value
    half = store.client.create_run(experiment_id, tags={tags.FINGERPRINT: fingerprint}).info.run_id
    model = store.client.create_logged_model(experiment_id, "model", half).model_id
    if status != "RUNNING":
        store.client.set_terminated(half, status)
    model_registration.main(finished)
    run = complete_run(store, experiment_id, fingerprint)
    assert run is not None
    assert run.info.run_id != half
    assert store.client.get_run(half).info.lifecycle_stage == "deleted"
    models = [found.model_id for found in store.client.search_logged_models([experiment_id])]
    assert models == [run.data.tags[tags.MODEL]]
    assert model not in models


def test_a_run_that_ended_before_its_first_fact_is_replaced(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(run_writing, "_log_tags", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            model_registration.main(finished)
    store = open_store()
    model_registration.main(finished)
    assert [run.info.status for run in store.client.search_runs([store.experiment_id(finished_pipeline.MODEL)])] == [
        "FINISHED"
    ]


def test_a_run_that_is_complete_has_its_verdict_and_the_name_of_its_experiment(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "grid-7")
    monkeypatch.setattr(publisher, "_settle", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        model_registration.main(finished)
    run = _only_run(open_store())
    assert run.data.tags[tags.VERDICT] == "PASS"
    assert experiment_names(run) == ["grid-7"]


def test_a_run_without_the_mark_of_completeness_is_not_reused(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    store = open_store()
    before = _only_run(store).info.run_id
    store.client.delete_tag(before, tags.COMPLETE)
    assert not publish_working_tree(finished).reused
    assert _only_run(store).info.run_id != before


def test_a_publication_that_breaks_leaves_a_failed_run_that_is_replaced_later(finished: ArtifactPaths) -> None:
    manifest = finished.bundle / "manifest.json"
    text = manifest.read_text()
    manifest.write_text("{}")
    with pytest.raises(BadInputError, match="bundle format None"):
        model_registration.main(finished)
    store = open_store()
    broken = store.client.search_runs([store.experiment_id(finished_pipeline.MODEL)])
    assert [run.info.status for run in broken] == ["FAILED"]
    assert latest_runs(store) == []
    manifest.write_text(text)
    model_registration.main(finished)
    assert len(latest_runs(store)) == 1


def test_an_experiment_makes_a_run_with_its_own_parameters_and_no_version(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_pipeline.experiment(finished, monkeypatch, "brisk-lamp", 0.81, seed=6)
    store = open_store()
    run = _only_run(store)
    assert run.data.tags[tags.EXPERIMENT + "brisk-lamp"] == "b" * 40
    assert run.data.params["model_training.seed"] == "6"
    assert store.client.search_registered_models() == []


def test_two_experiments_that_arrive_at_the_same_run_are_both_named_on_it(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_pipeline.experiment(finished, monkeypatch, "brisk-lamp", 0.81)
    finished_pipeline.experiment(finished, monkeypatch, "calm-rope", 0.81)
    facts = _only_run(open_store()).data.tags
    assert {tags.EXPERIMENT + "brisk-lamp", tags.EXPERIMENT + "calm-rope"} <= set(facts)
    assert facts[tags.FIRST_EXPERIMENT] == "brisk-lamp"


def test_other_gates_on_the_same_evidence_change_the_verdict_of_the_run_and_of_its_version(
    finished: ArtifactPaths,
) -> None:
    model_registration.main(finished)
    gate = {"name": "accurate", "metric": "performance.accuracy", "at_least": 0.99}
    finished_pipeline.set_parameters(finished, "model_registration", gates=[gate])
    model_registration.main(finished)
    store = open_store()
    facts = _only_run(store).data.tags
    assert facts[tags.VERDICT] == "FAIL"
    assert {name for name in facts if name.startswith(tags.GATE)} == {tags.GATE + "accurate"}
    assert store.client.get_model_version(finished_pipeline.MODEL, "1").tags[tags.VERDICT] == "FAIL"


def test_a_verdict_about_other_outputs_is_not_published(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    finished_pipeline.measure(finished, roc_auc=0.5)
    with pytest.raises(BadInputError, match="judged other outputs"):
        publish_working_tree(finished)


def test_without_a_verdict_there_is_nothing_to_publish(finished: ArtifactPaths) -> None:
    with pytest.raises(BadInputError, match=r"registration\.json does not exist. Run `dvc repro`"):
        publish_working_tree(finished)


def _write_lock(paths: ArtifactPaths) -> None:
    """A dvc.lock that records what lies below the root, as if DVC had run the stages."""
    outputs = fingerprint_outputs(paths)
    stages: dict[str, Any] = {stage: {"cmd": "none", "params": {}} for stage in STAGES[:-1]}
    stages[STAGES[0]]["outs"] = [{"path": path, "md5": digest} for path, digest in outputs.items()]
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def fingerprint_outputs(paths: ArtifactPaths) -> dict[str, str]:
    Path("dvc.lock").unlink(missing_ok=True)
    return dict(fingerprint_of(paths).outputs)


def _git(*arguments: str) -> str:
    named = ("git", "-c", "user.name=T", "-c", "user.email=t@example.org", *arguments)
    return subprocess.run(named, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def committed(finished: ArtifactPaths) -> ArtifactPaths:
    """The finished pipeline in a repository of its own, everything committed."""
    Path(".gitignore").write_text("/artifacts/\n/mlflow.db*\n/mlartifacts/\n")
    _git("init", "-q")
    _git("add", "-A")
    _git("commit", "-qm", "first")
    return finished


def test_the_commit_is_named_on_run_and_version(committed: ArtifactPaths) -> None:
    model_registration.main(committed)
    store = open_store()
    version = store.client.get_model_version(finished_pipeline.MODEL, "1")
    for facts in (_only_run(store).data.tags, version.tags):
        assert (facts[tags.COMMIT], facts[tags.DIRTY]) == (_git("rev-parse", "HEAD"), "false")


def test_changes_that_are_committed_later_are_found_under_their_commit(committed: ArtifactPaths) -> None:
    finished_pipeline.set_parameters(committed, "model_training", seed=9)
    model_registration.main(committed)
    store = open_store()
    assert _only_run(store).data.tags[tags.DIRTY] == "true"
    _git("commit", "-qam", "second")
    publish_working_tree(committed)
    version = store.client.get_model_version(finished_pipeline.MODEL, "1")
    for facts in (_only_run(store).data.tags, version.tags):
        assert (facts[tags.COMMIT], facts[tags.DIRTY]) == (_git("rev-parse", "HEAD"), "false")


def test_an_empty_commit_later_does_not_move_a_clean_run(committed: ArtifactPaths) -> None:
    model_registration.main(committed)
    before = _git("rev-parse", "HEAD")
    _git("commit", "-q", "--allow-empty", "-m", "second")
    publish_working_tree(committed)
    assert _only_run(open_store()).data.tags[tags.COMMIT] == before
