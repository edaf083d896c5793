"""The second stage on a small processed folder: what it writes, and what must not change what it writes."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from apps.ml.artifact_paths import PARAMETERS_FILE, SPLITS, ArtifactPaths
from apps.ml.data.processed import ProcessedSplit, read_split, write_schema, write_split
from apps.ml.errors import DataError, ParameterError
from apps.ml.features.request_frame import frame_from_records
from apps.ml.features.safe_objects import TRANSFORMER_TYPES, read_object
from apps.ml.features.tables import TRANSFORMER_FILE, read_feature_schema, read_features
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.pipelines.feature_engineering import main
from apps.ml.tests.code.features.people import SCHEMA, people_split

ROWS = {"train": 300, "validation": 60, "test": 80}
FILES = ["features.json", "test.parquet", "train.parquet", "transformer.skops", "validation.parquet"]
TARGET: dict[str, Any] = {"categorical": {"encoding": "target"}}


def workspace(root: Path, section: dict[str, Any] | None = None, **changed: ProcessedSplit) -> ArtifactPaths:
    """Write params.yaml and a processed folder below `root`; `changed` splits take the place of the usual ones."""
    paths = ArtifactPaths(root)
    root.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))
    content["feature_engineering"] |= section or {}
    paths.parameters.write_text(yaml.safe_dump(content), encoding="utf-8")
    write_schema(paths.processed, replace(SCHEMA, rows=dict(ROWS)))
    for seed, (name, rows) in enumerate(ROWS.items()):
        write_split(paths.processed, name, changed.get(name, people_split(rows, seed)))
    return paths


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def stored_transformer(paths: ArtifactPaths) -> FeatureTransformer:
    transformer = read_object(paths.features / TRANSFORMER_FILE, TRANSFORMER_TYPES)
    assert isinstance(transformer, FeatureTransformer)
    return transformer


def test_it_writes_the_transformer_its_schema_and_every_split(tmp_path: Path) -> None:
    paths = workspace(tmp_path)
    main(paths)
    assert sorted(path.name for path in paths.features.iterdir()) == FILES
    schema = read_feature_schema(paths.features)
    assert [column.name for column in schema.columns] == ["age", "income", "purpose", "education", "owns_home"]
    assert not schema.uses_sensitive
    for name in SPLITS:
        frame = read_features(paths.features, name)
        assert tuple(frame.columns) == schema.feature_names
        assert frame.shape[0] == ROWS[name]
        assert (frame.dtypes == np.float64).all()
        assert np.isfinite(frame.to_numpy()).all()


@pytest.mark.parametrize("section", [{}, TARGET])
def test_a_second_run_writes_the_same_bytes(section: dict[str, Any], tmp_path: Path) -> None:
    first, second = workspace(tmp_path / "first", section), workspace(tmp_path / "second", section)
    main(first)
    main(second)
    main(second)
    assert digests(first.features) == digests(second.features)


@pytest.mark.parametrize(
    "section",
    [{}, TARGET, {"selection": {"method": "mutual_information", "keep": 3}}, {"selection": {"method": "variance"}}],
)
def test_no_row_outside_train_influences_what_is_learned(section: dict[str, Any], tmp_path: Path) -> None:
    usual = workspace(tmp_path / "usual", section)
    other = workspace(tmp_path / "other", section, validation=people_split(45, seed=8), test=people_split(33, seed=9))
    main(usual)
    main(other)
    before, after = digests(usual.features), digests(other.features)
    assert before["test.parquet"] != after["test.parquet"]
    for name in ("transformer.skops", "features.json", "train.parquet"):
        assert before[name] == after[name]


def test_labels_are_no_input_and_without_target_encoding_change_nothing(tmp_path: Path) -> None:
    flipped = people_split(ROWS["train"], seed=0)
    flipped = replace(flipped, labels=1 - flipped.labels)
    usual, other = workspace(tmp_path / "usual"), workspace(tmp_path / "other", train=flipped)
    main(usual)
    main(other)
    assert digests(usual.features) == digests(other.features)
    sources = read_feature_schema(usual.features).feature_sources
    assert not any(source.startswith("fairmind:") for source in sources)


def test_train_rows_are_cross_fitted_and_the_others_are_not(tmp_path: Path) -> None:
    paths = workspace(tmp_path, TARGET)
    main(paths)
    transformer = stored_transformer(paths)
    stored = {name: read_features(paths.features, name).to_numpy() for name in SPLITS}
    direct = {name: transformer.transform(read_split(paths.processed, name).features) for name in SPLITS}
    assert stored["train"].tobytes() != direct["train"].tobytes()
    assert stored["validation"].tobytes() == direct["validation"].tobytes()
    assert stored["test"].tobytes() == direct["test"].tobytes()


def test_a_request_is_encoded_to_the_same_bits_as_the_stage_encoded_the_row(tmp_path: Path) -> None:
    paths = workspace(tmp_path)
    main(paths)
    columns = read_feature_schema(paths.features).columns
    features = read_split(paths.processed, "test").features[[column.name for column in columns]]
    expected = read_features(paths.features, "test").to_numpy()
    transformer = stored_transformer(paths)
    for position in range(len(features)):
        values = features.iloc[position].to_dict()
        record = {str(name): None if pd.isna(value) else value for name, value in values.items()}
        assert transformer.transform(frame_from_records([record], columns)).tobytes() == expected[position].tobytes()


def test_sensitive_columns_enter_only_when_asked_for_and_the_schema_says_so(tmp_path: Path) -> None:
    paths = workspace(tmp_path, {"use_sensitive": True})
    main(paths)
    schema = read_feature_schema(paths.features)
    assert schema.uses_sensitive
    assert "gender" in schema.feature_sources


def test_a_parameter_that_names_no_column_leaves_nothing_behind(tmp_path: Path) -> None:
    paths = workspace(tmp_path, {"columns": {"agee": {"drop": True}}})
    with pytest.raises(ParameterError, match=r"feature_engineering\.columns\.agee: .* did you mean 'age'"):
        main(paths)
    assert not paths.features.exists()


def test_a_broken_test_split_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = people_split(20)
    paths = workspace(tmp_path, test=replace(broken, features=broken.features.drop(columns=["income"])))
    with pytest.raises(DataError, match="lacks the columns income"):
        main(paths)
    assert not paths.features.exists()


def test_without_the_first_stage_it_says_which_stage_is_missing(tmp_path: Path) -> None:
    paths = workspace(tmp_path)
    (paths.processed / "validation.parquet").unlink()
    with pytest.raises(DataError, match=r"validation\.parquet does not exist\. Run `dvc repro`"):
        main(paths)


def test_an_untouched_workspace_is_told_what_to_run_first(tmp_path: Path) -> None:
    paths = ArtifactPaths(tmp_path)
    paths.parameters.write_text(PARAMETERS_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(DataError, match=r"train\.parquet does not exist\. Run `dvc repro`"):
        main(paths)
