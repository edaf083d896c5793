import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import GROUP, LABEL, ROW, read_split
from apps.ml.errors import BundleError
from apps.ml.evaluation.documents.rendering import DOCUMENTS
from apps.ml.evaluation.evidence import read_evidence
from apps.ml.files import read_json, sha256_of_file
from apps.ml.models.bundle import read_bundle
from apps.ml.pipelines import model_evaluation
from apps.ml.tests import small_pipeline

PICTURES_BY_ATTRIBUTE = (
    *("comparisons", "rates", "scores", "calibration", "thresholds"),
    *("importance_by_group", "gap_shares"),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> ArtifactPaths:
    return small_pipeline.with_features(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def evaluated(prepared: ArtifactPaths, tmp_path_factory: pytest.TempPathFactory) -> ArtifactPaths:
    paths = small_pipeline.trained(prepared, tmp_path_factory.mktemp("evaluated"))
    model_evaluation.main(paths)
    return paths


def written(paths: ArtifactPaths) -> dict[str, str]:
    files = [*paths.reports.rglob("*.*"), *paths.predictions.iterdir()]
    return {path.relative_to(paths.root).as_posix(): sha256_of_file(path) for path in files if path.is_file()}


def test_every_promised_file_is_written(evaluated: ArtifactPaths) -> None:
    assert set(written(evaluated)) == {
        "artifacts/04_predictions/test.parquet",
        "artifacts/04_predictions/counts.parquet",
        "artifacts/04_predictions/explanation_basis.json",
        *(f"reports/metrics/{name}.json" for name in ("performance", "fairness", "explainability")),
        *(f"reports/plots/{name}.csv" for name in ("roc", "precision_recall", "calibration", "confusion")),
        *(f"reports/plots/{name}.png" for name in ("roc", "precision_recall", "calibration", "confusion")),
        *(f"reports/plots/{name}_sex.png" for name in PICTURES_BY_ATTRIBUTE),
        *(f"reports/plots/{name}.png" for name in ("shap_importance", "shap_beeswarm", "permutation", "effects")),
        *(f"reports/documents/{name}" for name in DOCUMENTS),
        *("reports/evidence.json", "reports/report.html", "reports/model_card.md"),
    }


def test_two_folders_give_the_same_bytes_and_old_plots_disappear(evaluated: ArtifactPaths, tmp_path: Path) -> None:
    shutil.copytree(evaluated.artifacts, tmp_path / "artifacts")
    shutil.copy(evaluated.parameters, tmp_path)
    paths = ArtifactPaths(tmp_path)
    paths.plots.mkdir(parents=True)
    (paths.plots / "rates_of_an_attribute_that_is_gone.png").write_bytes(b"old")
    model_evaluation.main(paths)
    assert written(paths) == written(evaluated)


def test_predictions_are_what_the_bundle_answers_for_the_test_rows(evaluated: ArtifactPaths) -> None:
    predictions = pd.read_parquet(evaluated.predictions / "test.parquet")
    bundle, test = read_bundle(evaluated.bundle), read_split(evaluated.processed, "test")
    assert list(predictions.columns) == [ROW, LABEL, "score", "decision", f"{GROUP}sex"]
    scores = bundle.score(test.features[[column.name for column in bundle.info.columns]])
    assert predictions["score"].tolist() == scores.tolist()
    assert predictions["decision"].tolist() == (scores >= (bundle.info.threshold or 0)).astype(int).tolist()
    assert predictions[LABEL].tolist() == test.labels.tolist()


def test_the_evidence_holds_what_the_metric_files_hold(evaluated: ArtifactPaths) -> None:
    record = read_evidence(evaluated.evidence)
    for name in ("performance", "fairness", "explainability"):
        assert record[name] == read_json(evaluated.metric(name))
    assert record["model"]["bundle_sha256"] == sha256_of_file(evaluated.bundle / "manifest.json")
    assert record["digest"] in evaluated.report.read_text(encoding="utf-8")
    assert record["digest"] in evaluated.model_card.read_text(encoding="utf-8")


def test_local_contributions_give_the_scores_of_rows_of_the_test_split(evaluated: ArtifactPaths) -> None:
    test = read_split(evaluated.processed, "test")
    predictions = pd.read_parquet(evaluated.predictions / "test.parquet").set_index(ROW)
    for local in read_json(evaluated.evidence)["local_explanations"]:
        assert local["row"] in set(test.rows.tolist())
        total = local["base"] + sum(local["contributions"].values()) + local["other_columns"]
        assert 1 / (1 + np.exp(-total)) == pytest.approx(predictions.loc[local["row"], "score"], abs=1e-8)


@pytest.mark.parametrize("estimator", ["logistic_regression", "random_forest", "hist_gradient_boosting"])
def test_the_model_is_explained_whatever_the_estimator(prepared: ArtifactPaths, tmp_path: Path, estimator: str) -> None:
    paths = small_pipeline.trained(prepared, tmp_path, estimator)
    model_evaluation.main(paths)
    explained = read_json(paths.metric("explainability"))
    assert "undefined" not in explained
    assert explained["additivity_error"] <= 1e-6
    assert explained["output"] == ("probability" if estimator == "random_forest" else "log-odds")
    assert next(iter(explained["importance"])) in {"income", "debt", "age"}


def test_a_damaged_bundle_stops_the_stage_before_anything_is_written(evaluated: ArtifactPaths, tmp_path: Path) -> None:
    shutil.copytree(evaluated.artifacts, tmp_path / "artifacts")
    shutil.copy(evaluated.parameters, tmp_path)
    paths = ArtifactPaths(tmp_path)
    shutil.rmtree(paths.predictions)
    with (paths.bundle / "booster.txt").open("a", encoding="utf-8") as stream:
        stream.write("changed")
    with pytest.raises(BundleError, match=r"booster\.txt"):
        model_evaluation.main(paths)
    assert not paths.reports.exists()
    assert not paths.predictions.exists()
