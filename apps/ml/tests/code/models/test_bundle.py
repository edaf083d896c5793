import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KDTree
from skops.io import dump

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.errors import BundleError
from apps.ml.features.request_frame import frame_from_records
from apps.ml.features.safe_objects import write_object
from apps.ml.files import sha256_of_file
from apps.ml.models.bundle import (
    FORMAT,
    BundleInfo,
    ModelBundle,
    read_bundle,
    read_info,
    read_reference,
    write_bundle,
)
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.tests import small_loans, small_wages

FORMAT_1 = Path(__file__).with_name("format_1_bundle")
FORMAT_1_LINEAR = Path(__file__).with_name("format_1_linear_bundle")
FORMAT_2_STACKING = Path(__file__).with_name("format_2_stacking_bundle")
FORMAT_2_GROUPS = Path(__file__).with_name("format_2_group_thresholds_bundle")
FORMAT_2_WAGES = Path(__file__).with_name("format_2_wages_bundle")
TEST_ROWS = small_loans.split("test")
BINARY = [name for name, entry in ESTIMATORS.items() if CLASSIFICATION in entry.tasks]


@pytest.fixture
def damaged(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of a bundle that a test may damage."""
    return Path(shutil.copytree(bundles["lightgbm"], tmp_path / "bundle"))


def frame_of(bundle: ModelBundle, rows: pd.DataFrame = TEST_ROWS.features) -> pd.DataFrame:
    return rows[[column.name for column in bundle.info.columns]]


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def sign_again(folder: Path, name: str) -> None:
    """Correct the manifest's digest of a file, as somebody would who changes a bundle on purpose."""
    digest = sha256_of_file(folder / name)
    change_manifest(folder, lambda content: content["files"].update({name: digest}))


@pytest.mark.parametrize("name", BINARY)
def test_a_bundle_that_was_read_scores_and_writes_as_the_one_that_was_written(
    bundles: dict[str, Path], name: str, tmp_path: Path
) -> None:
    first = read_bundle(bundles[name])
    write_bundle(tmp_path / "again", first, frame_of(first))
    second = read_bundle(tmp_path / "again")
    assert second.info == first.info
    assert (second.score(frame_of(second)) == first.score(frame_of(first))).all()


@pytest.mark.parametrize("name", BINARY)
def test_scores_are_probabilities_and_decisions_follow_the_threshold(bundles: dict[str, Path], name: str) -> None:
    bundle = read_bundle(bundles[name])
    scores = bundle.score(frame_of(bundle))
    decisions = bundle.decide(scores)
    assert (scores.dtype.name, decisions.dtype.name) == ("float64", "int8")
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (decisions == (scores >= (bundle.info.threshold or 0))).all()
    assert bundle.decide(np.array([bundle.info.threshold])).tolist() == [1]


@pytest.mark.parametrize("name", BINARY)
def test_one_row_is_scored_as_among_many(bundles: dict[str, Path], name: str) -> None:
    bundle = read_bundle(bundles[name])
    frame = frame_of(bundle).head(20)
    alone = [float(bundle.score(frame.iloc[[row]].reset_index(drop=True))[0]) for row in range(20)]
    assert alone == bundle.score(frame).tolist()


def test_golden_records_are_valid_requests(bundles: dict[str, Path]) -> None:
    bundle = read_bundle(bundles["lightgbm"])
    golden = json.loads((bundles["lightgbm"] / "golden_rows.json").read_text(encoding="utf-8"))
    frame = frame_from_records(golden["records"], bundle.info.columns)
    assert len(frame) == 32
    assert bundle.score(frame).tolist() == golden["scores"]


def test_contributions_of_boosted_trees_sum_to_the_log_odds(bundles: dict[str, Path]) -> None:
    bundle = read_bundle(bundles["lightgbm"])
    X = bundle.encode(frame_of(bundle))
    contributions = bundle.contributions(X)
    scores = bundle.score_encoded(X)
    assert contributions is not None
    assert contributions.shape == (len(X), X.shape[1] + 1)
    assert contributions.sum(axis=1) == pytest.approx(np.log(scores / (1 - scores)), abs=1e-9)


def test_an_estimator_without_exact_contributions_says_so(bundles: dict[str, Path]) -> None:
    bundle = read_bundle(bundles["random_forest"])
    assert bundle.contributions(bundle.encode(frame_of(bundle))) is None


@pytest.mark.parametrize("name", BINARY)
def test_exact_contributions_are_declared_in_the_catalogue(bundles: dict[str, Path], name: str) -> None:
    bundle = read_bundle(bundles[name])
    gives = bundle.contributions(bundle.encode(frame_of(bundle).head(2))) is not None
    assert gives == ESTIMATORS[name].exact_contributions


def test_the_transformer_holds_the_exact_bytes_of_the_second_stage(
    bundles: dict[str, Path], prepared: ArtifactPaths
) -> None:
    assert (bundles["lightgbm"] / "transformer.skops").read_bytes() == (
        prepared.features / "transformer.skops"
    ).read_bytes()


def test_inputs_stay_unaltered_by_scoring(bundles: dict[str, Path]) -> None:
    bundle = read_bundle(bundles["hist_gradient_boosting"])
    frame = frame_of(bundle).copy()
    bundle.score(frame)
    pd.testing.assert_frame_equal(frame, frame_of(bundle))


def test_every_digit_of_the_threshold_survives(bundles: dict[str, Path], tmp_path: Path) -> None:
    bundle = read_bundle(bundles["lightgbm"])
    odd = replace(bundle, info=replace(bundle.info, threshold=0.1 + 0.2))
    write_bundle(tmp_path / "bundle", odd, frame_of(bundle))
    assert read_bundle(tmp_path / "bundle").info.threshold == 0.1 + 0.2


def test_a_bundle_info_is_the_same_after_json(bundles: dict[str, Path]) -> None:
    info = read_info(bundles["lightgbm"])
    assert BundleInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info


def test_the_reference_is_read_back_and_its_absence_is_an_error(bundles: dict[str, Path], tmp_path: Path) -> None:
    assert read_reference(bundles["lightgbm"])["rows"] == small_loans.ROWS["train"]
    bundle = read_bundle(bundles["lightgbm"])
    write_bundle(tmp_path / "bare", bundle, frame_of(bundle))
    with pytest.raises(BundleError, match=r"holds no reference\.json"):
        read_reference(tmp_path / "bare")


def test_an_existing_folder_is_not_written_over(damaged: Path) -> None:
    bundle = read_bundle(damaged)
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(damaged, bundle, frame_of(bundle))


def test_a_bundle_that_cannot_be_written_leaves_nothing(bundles: dict[str, Path], tmp_path: Path) -> None:
    bundle = read_bundle(bundles["lightgbm"])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_bundle(tmp_path / "bundle", bundle, frame_of(bundle), transformer_file=tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json does not exist"):
        read_bundle(tmp_path)


def test_an_unknown_format_names_the_formats_that_can_be_read(damaged: Path) -> None:
    change_manifest(damaged, lambda content: content.update(format=99))
    with pytest.raises(BundleError, match="has bundle format 99; this code reads 1"):
        read_bundle(damaged)


def test_a_manifest_that_lists_nothing_is_refused(damaged: Path) -> None:
    change_manifest(damaged, lambda content: content.pop("files"))
    with pytest.raises(BundleError, match="lists no files"):
        read_bundle(damaged)


@pytest.mark.parametrize("name", ["model.json", "transformer.skops", "booster.txt", "golden_rows.json"])
def test_a_changed_file_is_named(damaged: Path, name: str) -> None:
    content = bytearray((damaged / name).read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / name).write_bytes(bytes(content))
    with pytest.raises(BundleError, match=f"{name} was changed"):
        read_bundle(damaged, verify=False)


def test_a_missing_file_is_named(damaged: Path) -> None:
    (damaged / "booster.txt").unlink()
    with pytest.raises(BundleError, match=r"booster\.txt is missing"):
        read_bundle(damaged)


@pytest.mark.parametrize("name", ["notes.txt", "estimator.pkl", "deeper/model.json"])
def test_a_file_that_is_not_listed_is_refused(damaged: Path, name: str) -> None:
    (damaged / name).parent.mkdir(exist_ok=True)
    (damaged / name).write_text("x", encoding="utf-8")
    with pytest.raises(BundleError, match=f"{name} is not listed"):
        read_bundle(damaged)


def test_files_that_are_damaged_and_signed_again_are_still_refused(damaged: Path) -> None:
    (damaged / "model.json").write_text('{"dataset": "x"}', encoding="utf-8")
    sign_again(damaged, "model.json")
    with pytest.raises(BundleError, match=r"model\.json lacks or has unknown fields"):
        read_bundle(damaged)


def test_a_manifest_that_points_outside_is_refused(damaged: Path) -> None:
    change_manifest(damaged, lambda content: content["files"].update({"../model.json": "0" * 64}))
    with pytest.raises(BundleError, match="is missing"):
        read_bundle(damaged)


def test_a_listed_file_that_the_format_lacks_is_missing(damaged: Path) -> None:
    (damaged / "booster.txt").unlink()
    change_manifest(damaged, lambda content: content["files"].pop("booster.txt"))
    with pytest.raises(BundleError, match=r"none of booster\.txt, part\.json and estimator\.skops"):
        read_bundle(damaged)


def test_another_golden_score_is_refused_with_counts_only(damaged: Path) -> None:
    path = damaged / "golden_rows.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["scores"][3] += 2e-9
    path.write_text(json.dumps(content), encoding="utf-8")
    sign_again(damaged, "golden_rows.json")
    with pytest.raises(BundleError, match="1 of 32 golden rows get another score"):
        read_bundle(damaged)
    assert read_bundle(damaged, verify=False).info.dataset == "small_loans"


@pytest.mark.parametrize(
    "content",
    [{}, {"records": [], "scores": [0.5]}, {"records": [{}], "scores": [0.5]}, {"records": 5, "scores": []}, []],
)
def test_golden_rows_of_another_shape_are_refused(damaged: Path, content: Any) -> None:
    (damaged / "golden_rows.json").write_text(json.dumps(content), encoding="utf-8")
    sign_again(damaged, "golden_rows.json")
    with pytest.raises(BundleError, match=r"golden_rows\.json"):
        read_bundle(damaged)


def test_a_type_that_is_not_on_the_list_is_named(damaged: Path, tmp_path: Path) -> None:
    (damaged / "booster.txt").unlink()
    dump({"tree": KDTree(np.zeros((2, 2)))}, damaged / "estimator.skops")
    change_manifest(damaged, lambda content: content["files"].pop("booster.txt"))
    sign_again(damaged, "estimator.skops")
    with pytest.raises(BundleError, match="KDTree"):
        read_bundle(damaged)


def test_an_allowed_type_in_the_wrong_place_is_refused(damaged: Path) -> None:
    (damaged / "booster.txt").unlink()
    write_object(damaged / "estimator.skops", {"not": "an estimator"})
    change_manifest(damaged, lambda content: content["files"].pop("booster.txt"))
    sign_again(damaged, "estimator.skops")
    with pytest.raises(BundleError, match="holds a dict, no estimator"):
        read_bundle(damaged)


def test_an_estimator_in_the_place_of_the_transformer_is_refused(damaged: Path) -> None:
    write_object(damaged / "transformer.skops", LogisticRegression())
    sign_again(damaged, "transformer.skops")
    with pytest.raises(BundleError, match="LogisticRegression"):
        read_bundle(damaged)


@pytest.mark.parametrize(("folder", "estimator"), [(FORMAT_1, "lightgbm"), (FORMAT_1_LINEAR, "logistic_regression")])
def test_the_committed_bundles_of_format_1_are_still_read(folder: Path, estimator: str) -> None:
    bundle = read_bundle(folder)
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["format"] == 1
    assert (bundle.info.dataset, bundle.info.estimator) == ("small_loans", estimator)
    assert read_reference(folder)["format"] == 1
    scores = bundle.score(frame_of(bundle))
    assert scores[TEST_ROWS.labels == 1].mean() > scores[TEST_ROWS.labels == 0].mean() + 0.05


def test_the_committed_stack_of_format_2_is_still_read() -> None:
    """Its members are boosted trees of XGBoost, an additive model and a calibrated machine in a skops file."""
    bundle = read_bundle(FORMAT_2_STACKING)
    kinds = [type(member).__name__ for member in bundle.estimator.members]
    assert kinds == ["XGBoostTrees", "AdditiveModel", "Calibrated"]
    scores = bundle.score(frame_of(bundle))
    assert scores[TEST_ROWS.labels == 1].mean() > scores[TEST_ROWS.labels == 0].mean() + 0.05


def test_the_committed_model_of_a_numeric_label_of_format_2_is_still_read() -> None:
    """Its members are a linear regression and boosted trees of LightGBM; it decides nothing."""
    bundle, rows = read_bundle(FORMAT_2_WAGES), small_wages.split("test")
    assert (bundle.info.task, bundle.info.threshold) == (REGRESSION, None)
    values = bundle.score(frame_of(bundle, rows.features))
    assert np.mean((values - rows.labels) ** 2) < 0.5 * np.var(rows.labels)
    assert bundle.answers(frame_of(bundle, rows.features)).decisions is None


def test_the_committed_group_thresholds_of_format_2_are_still_read() -> None:
    """The group comes with the request; another group, or none, can turn the decision and not the score."""
    bundle = read_bundle(FORMAT_2_GROUPS)
    assert bundle.info.needs_sensitive_at_prediction
    assert bundle.info.group is not None
    golden = json.loads((FORMAT_2_GROUPS / "golden_rows.json").read_text(encoding="utf-8"))
    frame = frame_from_records(golden["records"], bundle.info.columns)
    column = bundle.info.group.column_name
    as_group = {name: frame.assign(**{column: name}) for name in bundle.info.group.groups}
    first, second = (bundle.score(rows).tolist() for rows in as_group.values())
    assert first == second == golden["scores"]
    moved = {name: bundle.decision_scores(rows) for name, rows in as_group.items()}
    assert (moved["female"] != moved["male"]).any()


def test_the_newest_format_is_the_one_that_has_a_committed_bundle() -> None:
    assert FORMAT == 2, "commit a bundle of the new format and read the old one in a test of its own"
    for folder in (FORMAT_2_STACKING, FORMAT_2_GROUPS, FORMAT_2_WAGES):
        assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["format"] == FORMAT


def test_reading_and_scoring_needs_no_mlflow_and_no_training_library(bundles: dict[str, Path]) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from apps.ml.models.bundle import read_bundle\n"
        f"read_bundle(Path({str(bundles['lightgbm'])!r}))\n"
        "print([name for name in ('mlflow', 'shap', 'fastapi', 'matplotlib', 'dvc') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
