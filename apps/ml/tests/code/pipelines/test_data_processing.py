"""The stage from a CSV file to the files of the next stage, in a folder of the test."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_schema, read_split
from apps.ml.errors import DataError, DeclarationError, ParameterError, SourceError
from apps.ml.files import read_json, sha256_of_file
from apps.ml.pipelines import data_processing
from apps.ml.tests.clinic_visits import DECLARATION, visits, with_values

REAL_DATA = os.environ.get("FAIRMIND_DATA_DIR")
needs_real_data = pytest.mark.skipif(not REAL_DATA, reason="FAIRMIND_DATA_DIR does not name the original files")
OTHER_SECTIONS: dict[str, Any] = {
    "feature_engineering": {},
    "model_training": {"estimator": "logistic_regression", "seed": 1},
    "model_evaluation": {"seed": 1},
    "model_registration": {},
}


def write_parameters(root: Path, **section: Any) -> ArtifactPaths:
    content = {"data_processing": {"dataset": "clinic_visits", "seed": 1} | section, **OTHER_SECTIONS}
    (root / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return ArtifactPaths(root)


def declare(root: Path, frame: pd.DataFrame, **changes: Any) -> Path:
    """Write a CSV file and its declaration below `root` and return the folder of declarations."""
    frame.to_csv(root / "visits.csv", index=False)
    file = {"path": "visits.csv", "sha256": sha256_of_file(root / "visits.csv")}
    datasets = root / "datasets"
    datasets.mkdir(exist_ok=True)
    content = DECLARATION | {"source": {"kind": "files", "files": [file]}} | changes
    (datasets / "clinic_visits.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return datasets


def run(root: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> ArtifactPaths:
    monkeypatch.setenv("FAIRMIND_DATA_DIR", str(root))
    paths = write_parameters(root)
    data_processing.main(paths, declare(root, frame, **changes))
    return paths


def written(root: Path) -> list[str]:
    files = [path for folder in ("artifacts", "reports") for path in (root / folder).rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(root)) for path in files)


def test_the_stage_writes_splits_schema_metrics_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = run(tmp_path, visits(), monkeypatch)
    assert written(tmp_path) == [
        "artifacts/01_processed/schema.json",
        "artifacts/01_processed/test.parquet",
        "artifacts/01_processed/train.parquet",
        "artifacts/01_processed/validation.parquet",
        "reports/data_quality.html",
        "reports/metrics/data_quality.json",
    ]
    schema = read_schema(paths.processed)
    assert schema.rows == {name: len(read_split(paths.processed, name)) for name in ("train", "validation", "test")}
    quality = read_json(paths.metric("data_quality"))
    assert quality["findings"] == 0
    assert quality["rows"]["read"] == 80


def test_two_runs_in_two_folders_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run(tmp_path / name, with_values("age", {3: "x"}), monkeypatch, quarantine={"at_most": 0.1})
        digests.append([sha256_of_file(tmp_path / name / file) for file in written(tmp_path / name)])
    assert digests[0] == digests[1]


def test_quarantined_rows_are_kept_and_gone_when_the_next_run_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = run(tmp_path, with_values("age", {3: "x"}), monkeypatch, quarantine={"at_most": 0.1})
    kept = pd.read_parquet(paths.processed / "quarantine.parquet")
    assert kept["fairmind:reasons"].tolist() == ["age: unreadable"]
    run(tmp_path, visits(), monkeypatch)
    assert not (paths.processed / "quarantine.parquet").exists()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (visits().drop(columns="ward"), r"\[missing_column\] column 'ward'"),
        (visits().rename(columns={"ward": "wards"}), r"column 'ward': is declared and absent; did you mean 'wards'"),
        (with_values("age", {7: "old"}), r"\[unreadable\] column 'age': .*\(1 row\); expected whole numbers"),
        (visits().assign(kept="no"), r"\[one_class\] column 'kept'"),
        (visits().assign(sex="m"), r"\[one_group\] column 'sex'"),
        (visits().assign(distance=np.nan), r"\[all_missing\] column 'distance'"),
    ],
)
def test_broken_data_is_named_and_nothing_is_written(
    frame: pd.DataFrame, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=said):
        run(tmp_path, frame, monkeypatch)
    assert written(tmp_path) == []


@pytest.mark.parametrize("content", ["", ",".join(visits().columns) + "\n"], ids=["no byte", "header only"])
def test_an_empty_file_is_an_error_and_nothing_is_written(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_DATA_DIR", str(tmp_path))
    datasets = declare(tmp_path, visits())
    (tmp_path / "visits.csv").write_text(content, encoding="utf-8")
    path = datasets / "clinic_visits.yaml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    declared["source"]["files"][0]["sha256"] = sha256_of_file(tmp_path / "visits.csv")
    path.write_text(yaml.safe_dump(declared, sort_keys=False), encoding="utf-8")
    with pytest.raises((DataError, SourceError), match=r"empty|no rows"):
        data_processing.main(write_parameters(tmp_path), datasets)
    assert written(tmp_path) == []


def test_what_an_earlier_run_wrote_stays_when_the_next_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = run(tmp_path, visits(), monkeypatch)
    before = {file: sha256_of_file(tmp_path / file) for file in written(tmp_path)}
    with pytest.raises(DataError, match="one_class"):
        run(tmp_path, visits().assign(kept="no"), monkeypatch)
    assert {file: sha256_of_file(tmp_path / file) for file in written(paths.root)} == before


def test_an_unknown_data_set_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="did you mean 'clinic_visits'"):
        data_processing.main(write_parameters(tmp_path, dataset="clinic_visit"), declare(tmp_path, visits()))


def test_an_unknown_split_names_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_DATA_DIR", str(tmp_path))
    with pytest.raises(ParameterError, match="did you mean 'by_day'"):
        data_processing.main(write_parameters(tmp_path, split="byday"), declare(tmp_path, visits()))
    assert written(tmp_path) == []


@needs_real_data
@pytest.mark.parametrize(
    ("dataset", "split", "rows"),
    [
        ("adult", "official", {"read": 48842, "train+validation": 32561, "test": 16281}),
        ("compas", "default", {"read": 7214, "filtered_out": 1042, "all": 6172}),
        ("german_credit", "default", {"read": 1000, "all": 1000}),
    ],
)
def test_original_files_have_their_known_numbers_of_rows(
    dataset: str, split: str, rows: dict[str, int], tmp_path: Path
) -> None:
    paths = write_parameters(tmp_path, dataset=dataset, split=split)
    data_processing.main(paths)
    found = read_json(paths.metric("data_quality"))["rows"]
    found["train+validation"] = found["train"] + found["validation"]
    found["all"] = found["train+validation"] + found["test"]
    assert {key: found[key] for key in rows} == rows


@needs_real_data
def test_adult_has_its_known_shares_of_high_incomes(tmp_path: Path) -> None:
    paths = write_parameters(tmp_path, dataset="adult", split="official")
    data_processing.main(paths)
    train = [read_split(paths.processed, name) for name in ("train", "validation")]
    assert np.concatenate([split.labels for split in train]).mean() == pytest.approx(0.24081, abs=5e-6)
    assert read_split(paths.processed, "test").labels.mean() == pytest.approx(0.23623, abs=5e-6)
    everybody = [*train, read_split(paths.processed, "test")]
    groups = np.concatenate([split.groups["sex"] for split in everybody])
    labels = np.concatenate([split.labels for split in everybody])
    assert labels[groups == "Male"].mean() == pytest.approx(0.3038, abs=5e-5)
    assert labels[groups == "Female"].mean() == pytest.approx(0.1093, abs=5e-5)
