import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_split, write_split
from apps.ml.errors import BundleError, DataError, ParameterError
from apps.ml.features.tables import read_features
from apps.ml.files import sha256_of_file
from apps.ml.models import progress
from apps.ml.models.bundle import read_bundle, read_reference
from apps.ml.pipelines import model_training
from apps.ml.tests import small_pipeline

ESTIMATORS = ("logistic_regression", "random_forest", "hist_gradient_boosting", "lightgbm")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> ArtifactPaths:
    """A workspace after two stages, without the files of the test rows."""
    paths = small_pipeline.with_features(tmp_path_factory.mktemp("prepared"))
    (paths.processed / "test.parquet").unlink()
    (paths.features / "test.parquet").unlink()
    return paths


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of_file(path) for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_is_trained_without_test_rows_and_scores_validation_rows(
    prepared: ArtifactPaths, tmp_path: Path, name: str
) -> None:
    paths = small_pipeline.trained(prepared, tmp_path, name)
    bundle = read_bundle(paths.bundle)
    rows = read_split(paths.processed, "validation")
    scores = bundle.score(rows.features[[column.name for column in bundle.info.columns]])
    ranking = np.mean(scores[rows.labels == 1][:, None] > scores[rows.labels == 0][None, :])
    assert ranking > 0.75
    assert bundle.info.estimator == name
    assert bundle.info.training_rows == 900
    assert len(bundle.info.feature_names) == len(bundle.info.feature_sources) == bundle.encode(rows.features).shape[1]
    assert "sex" not in {column.name for column in bundle.info.columns}


def test_scoring_typed_rows_is_bit_for_bit_scoring_the_encoded_rows_of_stage_two(
    prepared: ArtifactPaths, tmp_path: Path
) -> None:
    paths = small_pipeline.trained(prepared, tmp_path)
    bundle = read_bundle(paths.bundle)
    encoded = read_features(paths.features, "validation").to_numpy(dtype=np.float64)
    rows = read_split(paths.processed, "validation").features
    assert bundle.score(rows).tolist() == bundle.score_encoded(encoded).tolist()


def test_the_folder_holds_exactly_the_files_of_the_format(prepared: ArtifactPaths, tmp_path: Path) -> None:
    boosted = small_pipeline.trained(prepared, tmp_path / "a", "lightgbm").bundle
    linear = small_pipeline.trained(prepared, tmp_path / "b", "logistic_regression").bundle
    shared = {"manifest.json", "model.json", "transformer.skops", "golden_rows.json", "reference.json"}
    assert set(digests(boosted)) == shared | {"booster.txt"}
    assert set(digests(linear)) == shared | {"estimator.skops"}
    assert [path.name for path in boosted.parent.iterdir()] == ["bundle"]


def test_two_processes_with_other_environments_write_the_same_bytes(prepared: ArtifactPaths, tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "another and longer path"
    _train_all_in_new_process(prepared, first, {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"})
    _train_all_in_new_process(prepared, second, {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "1234"})
    for name in ESTIMATORS:
        assert digests(ArtifactPaths(first / name).bundle) == digests(ArtifactPaths(second / name).bundle)


def test_training_again_replaces_the_bundle(prepared: ArtifactPaths, tmp_path: Path) -> None:
    small_pipeline.trained(prepared, tmp_path, "lightgbm")
    paths = small_pipeline.trained(prepared, tmp_path, "logistic_regression")
    assert read_bundle(paths.bundle).info.estimator == "logistic_regression"


def test_the_threshold_follows_its_rule_on_validation_rows(prepared: ArtifactPaths, tmp_path: Path) -> None:
    rule = {"rule": "selection_rate", "rate": 0.3}
    paths = small_pipeline.trained(prepared, tmp_path, threshold=rule)
    bundle = read_bundle(paths.bundle)
    rows = read_split(paths.processed, "validation")
    decisions = bundle.decide(bundle.score(rows.features))
    assert decisions.sum() == 90
    assert bundle.info.threshold_rule == "selection_rate"


def test_the_reference_describes_the_training_rows(prepared: ArtifactPaths, tmp_path: Path) -> None:
    paths = small_pipeline.trained(prepared, tmp_path)
    reference = read_reference(paths.bundle)
    rows = read_split(paths.processed, "train")
    assert reference["positive_share"] == rows.labels.mean()
    assert set(reference["columns"]) == {"income", "debt", "age", "owner", "city", "noise"}
    assert sum(reference["groups"]["sex"].values()) == pytest.approx(1.0)
    assert sum(reference["scores"]["shares"]) == pytest.approx(1.0)


def test_a_fit_that_did_not_converge_is_recorded_and_told(
    prepared: ArtifactPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"logistic_regression": {"max_iter": 1}}
    paths = small_pipeline.trained(prepared, tmp_path, "logistic_regression", estimators=options)
    assert not read_bundle(paths.bundle).info.converged
    told = capsys.readouterr().err
    assert "logistic_regression stopped at its limit of iterations" in told
    assert "Raise model_training.estimators.logistic_regression.max_iter" in told


def test_a_quick_fit_says_nothing(
    prepared: ArtifactPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 3600.0)  # no fit here is long, on any machine
    small_pipeline.trained(prepared, tmp_path)
    assert capsys.readouterr() == ("", "")


def test_one_class_stops_the_stage_and_leaves_the_old_bundle(prepared: ArtifactPaths, tmp_path: Path) -> None:
    paths = small_pipeline.trained(prepared, tmp_path)
    before = digests(paths.bundle)
    rows = read_split(paths.processed, "train")
    rows.labels.flags.writeable = True
    rows.labels[:] = 1
    write_split(paths.processed, "train", rows)
    with pytest.raises(DataError, match="one class only"):
        model_training.main(paths)
    assert digests(paths.bundle) == before


def test_missing_features_name_the_stage_to_run(tmp_path: Path, prepared: ArtifactPaths) -> None:
    paths = small_pipeline.write_parameters(tmp_path)
    shutil.copytree(prepared.processed, paths.processed)
    with pytest.raises(DataError, match="feature_engineering writes it"):
        model_training.main(paths)
    assert not paths.bundle.exists()


def test_an_unknown_estimator_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    paths = small_pipeline.write_parameters(tmp_path, "lightgmb")
    with pytest.raises(ParameterError, match="did you mean 'lightgbm'"):
        model_training.main(paths)


def test_a_transformer_of_another_kind_is_refused(prepared: ArtifactPaths, tmp_path: Path) -> None:
    from sklearn.tree import DecisionTreeClassifier
    from skops.io import dump

    paths = small_pipeline.write_parameters(tmp_path)
    shutil.copytree(prepared.artifacts, paths.artifacts)
    dump(DecisionTreeClassifier(), paths.features / "transformer.skops")
    with pytest.raises(BundleError, match="DecisionTreeClassifier"):
        model_training.main(paths)
    assert not paths.bundle.exists()


def _train_all_in_new_process(prepared: ArtifactPaths, root: Path, environment: dict[str, str]) -> None:
    program = (
        "import sys; from pathlib import Path; from apps.ml.artifact_paths import ArtifactPaths\n"
        "from apps.ml.tests.small_pipeline import trained\n"
        "root = Path(sys.argv[2])\n"
        f"for name in {ESTIMATORS}: trained(ArtifactPaths(Path(sys.argv[1])), root / name, name)\n"
    )
    arguments = [sys.executable, "-c", program, str(prepared.root), str(root)]
    done = subprocess.run(arguments, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
