import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import ProcessedSchema, read_schema, write_schema
from apps.ml.experiments import registry, tags
from apps.ml.experiments.champion_comparison import COMPARISON_FILE, NO_CHAMPION, SAME_BUNDLE
from apps.ml.experiments.promotion import promote_run, promote_version, roll_back
from apps.ml.experiments.publisher import publish_working_tree
from apps.ml.experiments.runs import find_run
from apps.ml.experiments.tracking import TrackingStore, open_store
from apps.ml.files import read_json
from apps.ml.pipelines import feature_engineering, model_registration, model_training
from apps.ml.tests import finished_pipeline

MODEL = finished_pipeline.MODEL
FAR_WORSE = {"early_stopping": {"enabled": False}, "estimators": {"lightgbm": {"n_estimators": 1, "num_leaves": 2}}}
CHAMPION_GATE = {
    "name": "ranking against the champion",
    "metric": "performance.roc_auc",
    "at_least": -0.01,
    "reference": "champion",
}
RULES: dict[str, Any] = {
    "gates": [*finished_pipeline.GATES, CHAMPION_GATE],
    "guards": {"levelling_down": {"enabled": False}},
}


@pytest.fixture
def paths(finished: ArtifactPaths) -> ArtifactPaths:
    """A store with version 1, the champion; other models are held against it."""
    finished_pipeline.set_parameters(finished, "model_registration", **RULES)
    model_registration.main(finished)
    return finished


def retrain(paths: ArtifactPaths, **training: Any) -> None:
    """Train another model on the same features, and judge and publish it."""
    finished_pipeline.set_parameters(paths, "model_training", **training)
    shutil.rmtree(paths.bundle)
    model_training.main(paths)
    model_registration.main(paths)


def champion(store: TrackingStore) -> str:
    return registry.find_version(store, MODEL).number


def comparison(store: TrackingStore, run_id: str, folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    path = store.client.download_artifacts(run_id, COMPARISON_FILE, str(folder))
    content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def comparison_of(store: TrackingStore, number: str, folder: Path) -> dict[str, Any]:
    return comparison(store, registry.find_version(store, MODEL, number).run_id, folder)


def test_the_first_version_finds_no_champion_and_becomes_it(paths: ArtifactPaths, tmp_path: Path) -> None:
    store = open_store()
    assert champion(store) == "1"
    assert comparison_of(store, "1", tmp_path) == {
        "champion": None,
        "verdict": None,
        "reason": NO_CHAMPION,
        "promotes": True,
    }
    assert registry.find_version(store, MODEL, "1").tags[tags.COMPARISON] == "none"


def test_a_model_that_ranks_worse_stays_candidate_though_its_own_gates_pass(
    paths: ArtifactPaths, tmp_path: Path
) -> None:
    retrain(paths, **FAR_WORSE)
    store = open_store()
    assert champion(store) == "1"
    version = registry.find_version(store, MODEL, alias="candidate")
    assert (version.number, version.verdict) == ("2", "PASS")
    assert (version.tags[tags.COMPARISON], version.tags[tags.COMPARED_WITH]) == ("FAIL", "1")
    content = comparison_of(store, "2", tmp_path)
    assert (content["champion"], content["verdict"], content["promotes"], content["rows"]) == ("1", "FAIL", False, 300)
    gate = content["gates"][CHAMPION_GATE["name"]]
    assert gate["measurements"]["performance.roc_auc"]["upper"] < -0.01
    assert "fairness" in content["changes"]


def test_the_verdict_file_names_what_is_judged_at_promotion_and_knows_no_champion(
    paths: ArtifactPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrain(paths, **FAR_WORSE)
    beside_a_champion = paths.metric("registration").read_bytes()
    content = read_json(paths.metric("registration"))
    assert list(content["at_promotion"]["gates"]) == [CHAMPION_GATE["name"]]
    assert CHAMPION_GATE["name"] not in content["gates"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/empty/mlflow.db")
    model_registration.main(paths)
    assert paths.metric("registration").read_bytes() == beside_a_champion
    assert champion(open_store()) == "1"


def test_an_open_comparison_keeps_the_champion_unless_the_rules_say_promote(
    paths: ArtifactPaths, tmp_path: Path
) -> None:
    other_trees = {"seed": 77, "estimators": {"lightgbm": {"n_estimators": 60, "num_leaves": 4}}}
    narrow = {**CHAMPION_GATE, "at_least": 0.0}
    rules = {**RULES, "gates": [*finished_pipeline.GATES, narrow]}
    finished_pipeline.set_parameters(paths, "model_registration", **rules)
    retrain(paths, **other_trees)
    store = open_store()
    assert comparison_of(store, "2", tmp_path)["verdict"] == "INCONCLUSIVE"
    assert champion(store) == "1"
    finished_pipeline.set_parameters(paths, "model_registration", **rules, champion={"inconclusive": "promote"})
    model_registration.main(paths)
    assert champion(store) == "2"
    assert comparison_of(store, "2", tmp_path)["promotes"] is True


def test_a_refused_candidate_becomes_champion_when_the_rules_allow_it(paths: ArtifactPaths) -> None:
    retrain(paths, **FAR_WORSE)
    loose = {**CHAMPION_GATE, "at_least": -0.9}
    finished_pipeline.set_parameters(paths, "model_registration", gates=[*finished_pipeline.GATES, loose])
    model_registration.main(paths)
    assert champion(open_store()) == "2"


def test_publishing_a_refused_candidate_again_changes_nothing(paths: ArtifactPaths) -> None:
    retrain(paths, **FAR_WORSE)
    again = publish_working_tree(paths)
    assert again.comparison is not None
    assert again.comparison.verdict == "FAIL"
    assert champion(open_store()) == "1"


def test_the_same_bundle_with_other_evidence_changes_no_answer(paths: ArtifactPaths, tmp_path: Path) -> None:
    finished_pipeline.measure(paths, 0.85)
    model_registration.main(paths)
    store = open_store()
    assert champion(store) == "2"
    assert comparison_of(store, "2", tmp_path)["reason"] == SAME_BUNDLE


def test_a_refused_version_is_promoted_by_an_override_that_stays_with_it(paths: ArtifactPaths) -> None:
    retrain(paths, **FAR_WORSE)
    store = open_store()
    refused = promote_version(store, MODEL, "2")
    assert (refused.promoted, refused.verdict) == (False, "FAIL")
    assert champion(store) == "1"
    done = promote_version(store, MODEL, "2", reason="the board agreed", override=True)
    assert done.promoted
    facts = registry.find_version(store, MODEL).tags
    assert (facts[tags.OVERRIDE], facts[tags.REASON]) == ("FAIL", "the board agreed")


def test_a_refused_experiment_gets_no_version_and_keeps_its_comparison(
    paths: ArtifactPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as variables:
        variables.setenv("DVC_EXP_NAME", "one-tree")
        variables.setenv("DVC_EXP_BASELINE_REV", "b" * 40)
        retrain(paths, **FAR_WORSE)
    store = open_store()
    done = promote_run(store, MODEL, "one-tree")
    assert (done.promoted, done.verdict, done.version) == (False, "FAIL", None)
    assert len(registry.list_versions(store, MODEL)) == 1
    run_id = find_run(store, "one-tree").info.run_id
    assert comparison(store, run_id, tmp_path)["verdict"] == "FAIL"


def test_other_rows_in_the_working_tree_are_no_comparison(paths: ArtifactPaths) -> None:
    retrain(paths, **FAR_WORSE)
    store = open_store()
    _edit_rows(paths, "test", lambda frame: frame.head(200))
    refused = promote_version(store, MODEL, "2")
    assert (refused.promoted, refused.verdict) == (False, "INCONCLUSIVE")
    assert refused.comparison is not None
    assert "holds other rows than those that tested the candidate" in refused.comparison.reason
    shutil.rmtree(paths.processed)
    refused = promote_version(store, MODEL, "2")
    assert refused.comparison is not None
    assert "holds no test rows. Run `dvc checkout`" in refused.comparison.reason


def test_a_champion_that_reads_columns_the_rows_lack_cannot_be_compared(paths: ArtifactPaths, tmp_path: Path) -> None:
    _without_column(paths, "noise")
    feature_engineering.main(paths)
    retrain(paths)
    content = comparison_of(open_store(), "2", tmp_path)
    assert content["verdict"] == "INCONCLUSIVE"
    assert content["reason"] == (
        "not comparable: the rows lack columns that the champion reads: 'noise'. Promote with --override and a reason."
    )


def test_a_champion_that_knows_a_column_as_another_kind_cannot_be_compared(
    paths: ArtifactPaths, tmp_path: Path
) -> None:
    schema = read_schema(paths.processed)
    columns = tuple(_as_kind(column, "owner", "numeric") for column in schema.columns)
    write_schema(paths.processed, _with_columns(schema, columns))
    feature_engineering.main(paths)
    retrain(paths)
    assert "knows columns as another kind: 'owner'" in comparison_of(open_store(), "2", tmp_path)["reason"]


def test_a_champion_of_another_event_cannot_be_compared(paths: ArtifactPaths, tmp_path: Path) -> None:
    content = read_schema(paths.processed).to_dict() | {"positive_name": "defaulted", "negative_name": "repaid"}
    write_schema(paths.processed, ProcessedSchema.from_dict(content))
    feature_engineering.main(paths)
    retrain(paths)
    assert "predicts another event" in comparison_of(open_store(), "2", tmp_path)["reason"]


def test_a_champion_that_was_trained_on_other_rows_is_compared_with_a_note(
    paths: ArtifactPaths, tmp_path: Path
) -> None:
    _edit_rows(paths, "train", lambda frame: frame.head(850))
    feature_engineering.main(paths)
    retrain(paths)
    content = comparison_of(open_store(), "2", tmp_path)
    assert "gates" in content
    assert "trained on other rows" in content["note"]


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_champion_whose_files_are_damaged_is_not_replaced_silently(
    damage: str, paths: ArtifactPaths, tmp_path: Path
) -> None:
    (stored,) = (paths.root / "mlartifacts").rglob("artifacts/bundle")
    if damage == "gone":
        shutil.rmtree(stored)
    else:
        (stored / "model.json").write_text("{}")
    retrain(paths, **FAR_WORSE)
    store = open_store()
    content = comparison_of(store, "2", tmp_path)
    assert (content["verdict"], content["promotes"]) == ("INCONCLUSIVE", False)
    assert content["reason"].startswith("not comparable: ")
    assert champion(store) == "1"


def test_a_roll_back_compares_nothing(paths: ArtifactPaths) -> None:
    retrain(paths, **FAR_WORSE)
    store = open_store()
    promote_version(store, MODEL, "2", reason="trial", override=True)
    before = registry.find_version(store, MODEL, "1").tags
    shutil.rmtree(paths.processed)
    _, came = roll_back(store, MODEL)
    assert came.number == "1"
    assert came.tags == before


def test_promoting_the_champion_again_compares_nothing(paths: ArtifactPaths) -> None:
    done = promote_version(open_store(), MODEL, "1")
    assert (done.promoted, done.verdict, done.comparison) == (True, "PASS", None)


def _edit_rows(paths: ArtifactPaths, split: str, edit: Any) -> None:
    file = paths.processed / f"{split}.parquet"
    edit(pd.read_parquet(file)).to_parquet(file)


def _without_column(paths: ArtifactPaths, name: str) -> None:
    schema = read_schema(paths.processed)
    write_schema(paths.processed, _with_columns(schema, tuple(one for one in schema.columns if one.name != name)))
    for split in ("train", "validation", "test"):
        _edit_rows(paths, split, lambda frame: frame.drop(columns=[name]))


def _with_columns(schema: ProcessedSchema, columns: Any) -> ProcessedSchema:
    return replace(schema, columns=columns)


def _as_kind(column: Any, name: str, kind: str) -> Any:
    return replace(column, kind=kind) if column.name == name else column
