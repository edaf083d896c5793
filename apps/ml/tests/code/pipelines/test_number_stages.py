"""The last two stages on predicted wages, and what commands show of them."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.commands.registry_tables import versions_table
from apps.ml.commands.results import fairness_table, main_measurement, performance_table
from apps.ml.data.processed import GROUP, LABEL, ROW
from apps.ml.evaluation.documents.rendering import DOCUMENTS
from apps.ml.evaluation.evidence import read_evidence
from apps.ml.experiments import registry, tags
from apps.ml.experiments.tracking import answering_store
from apps.ml.files import read_json, write_json, write_text
from apps.ml.pipelines import model_evaluation, model_registration
from apps.ml.tests import small_number_evaluation
from apps.ml.tests.finished_pipeline import FOREIGN_VARIABLES

GATES = [
    {"name": "error", "metric": "performance.mean_absolute_error", "at_most": 4.0},
    {"name": "ranking", "metric": "performance.roc_auc", "at_least": 0.7},
    {"name": "no worse", "metric": "performance.mean_absolute_error", "at_most": 0.5, "reference": "champion"},
]


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactPaths:
    template = small_number_evaluation.template()
    shutil.copytree(template.root, tmp_path, dirs_exist_ok=True)
    for variable in FOREIGN_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    paths = ArtifactPaths()
    content = yaml.safe_load(paths.parameters.read_text(encoding="utf-8"))
    content["model_registration"] = {"gates": GATES}
    paths.parameters.write_text(yaml.safe_dump(content), encoding="utf-8")
    model_evaluation.main(paths)
    write_json(paths.metric("data_quality"), {"findings": 0})
    write_text(paths.data_quality_page, "<p>Quality</p>")
    return paths


def test_a_model_that_predicts_numbers_is_evaluated_judged_and_published(evaluated: ArtifactPaths) -> None:
    predictions = pd.read_parquet(evaluated.predictions / "test.parquet")
    assert list(predictions.columns) == [ROW, LABEL, "score", f"{GROUP}sex", f"{GROUP}region"]
    assert not evaluated.counts.exists()
    assert {path.name for path in evaluated.documents.iterdir()} == set(DOCUMENTS)
    record = read_evidence(evaluated.evidence)
    assert record["performance"] == read_json(evaluated.metric("performance"))

    model_registration.main(evaluated)
    verdict = read_json(evaluated.metric("registration"))
    assert (verdict["verdict"], verdict["gates"]["error"]["verdict"]) == ("PASS", "PASS")
    assert list(verdict["not_applicable"]) == ["ranking", "levelling down"]
    with answering_store() as store:
        (version,) = registry.list_versions(store, "small_wages")
        metrics = store.client.get_run(version.run_id).data.metrics
    assert tags.CHAMPION_ALIAS in version.aliases
    assert metrics["performance.r_squared_lower"] > 0
    assert metrics["fairness.sex.mean_error_difference"] > 0
    assert "performance.roc_auc" not in metrics
    assert main_measurement(metrics).startswith("MAE 1.")


def test_a_second_version_is_compared_with_the_champion_by_its_errors(evaluated: ArtifactPaths) -> None:
    model_registration.main(evaluated)
    small_number_evaluation.trained(evaluated.root, estimators={"lightgbm": {"n_estimators": 60, "num_leaves": 5}})
    content = yaml.safe_load(evaluated.parameters.read_text(encoding="utf-8"))
    content["model_registration"] = {"gates": GATES}
    evaluated.parameters.write_text(yaml.safe_dump(content), encoding="utf-8")
    model_evaluation.main(evaluated)
    model_registration.main(evaluated)
    with answering_store() as store:
        newest = max(registry.list_versions(store, "small_wages"), key=lambda one: int(one.number))
        path = store.client.download_artifacts(newest.run_id, "champion_comparison.json", str(evaluated.root))
    compared = json.loads(Path(path).read_text(encoding="utf-8"))
    assert (compared["champion"], compared["verdict"]) == ("1", "PASS")
    assert compared["changes"]["performance"]["mean_absolute_error"]["n"] == 400
    assert list(compared["gates"]) == ["no worse"]


def test_tables_show_what_there_is() -> None:
    record = small_number_evaluation.record()
    assert str(performance_table(record["performance"]).title).startswith("Performance on 400 test rows, in euros")
    assert fairness_table(record["fairness"]).row_count == 8
    assert main_measurement({"performance.roc_auc": 0.81234, "performance.accuracy": 0.7}) == "ROC AUC 0.8123"
    assert main_measurement({}) == ""
    assert versions_table([]).columns[5].header == "main measurement"
