"""The files of the second stage."""

from pathlib import Path

import numpy as np
import pytest

from apps.ml.errors import DataError
from apps.ml.features.tables import (
    FeatureSchema,
    read_feature_schema,
    read_features,
    write_feature_schema,
    write_features,
)
from apps.ml.tests.code.features.people import COLUMNS


def test_encoded_rows_come_back_bit_for_bit(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).normal(size=(20, 3))
    write_features(tmp_path, "train", matrix, ["age", "purpose=a b", "age × income"])
    frame = read_features(tmp_path, "train")
    assert frame.columns.tolist() == ["age", "purpose=a b", "age × income"]
    assert frame.to_numpy().tobytes() == matrix.tobytes()


def test_the_schema_comes_back(tmp_path: Path) -> None:
    schema = FeatureSchema(COLUMNS, ("age", "age is missing"), ("age", "age"), uses_sensitive=True)
    write_feature_schema(tmp_path, schema)
    assert read_feature_schema(tmp_path) == schema


def test_missing_files_are_named_with_the_command_that_writes_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"validation\.parquet does not exist\. Run `dvc repro`"):
        read_features(tmp_path, "validation")
    with pytest.raises(DataError, match=r"features\.json does not exist\. Run `dvc repro`"):
        read_feature_schema(tmp_path)
