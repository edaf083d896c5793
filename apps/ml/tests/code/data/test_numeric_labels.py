"""Data sets whose label is a number: declared, checked, divided, described."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.catalogue import load_declaration
from apps.ml.data.preparation import prepare, strata
from apps.ml.data.processed import REGRESSION, read_schema, read_split
from apps.ml.data.sources import read_raw
from apps.ml.data.sources.salaries import PAY_GAP_WOMEN, generate_salaries
from apps.ml.errors import DataError, DeclarationError
from apps.ml.parameters import DataProcessing
from apps.ml.pipelines import data_processing

SMALL = {"source": {"kind": "generator", "generator": "salaries", "rows": 600, "seed": 3}}
EXPECTATIONS = {"expectations": {"rows_at_least": 100}}


def declared(folder: Path, **changes: Any) -> Any:
    """The data set of salaries with changes, declared in `folder`."""
    content = load_declaration("salaries").model_dump(mode="json", exclude_unset=True)
    content |= SMALL | EXPECTATIONS | changes
    (folder / "salaries.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_declaration("salaries", folder)


def test_the_planted_gap_is_in_the_rows() -> None:
    rows = generate_salaries(4000, 1)
    domestic = rows[rows["origin"] == "domestic"]
    paid = (domestic["salary"] / domestic["fair_salary"]).groupby(domestic["gender"]).mean()
    assert paid["male"] == pytest.approx(1.0, abs=1e-9)
    assert paid["female"] == pytest.approx(1 - PAY_GAP_WOMEN, abs=1e-3)
    pd.testing.assert_frame_equal(rows, generate_salaries(4000, 1))


def test_numbers_become_float_labels_with_their_name_unit_and_direction(tmp_path: Path) -> None:
    declaration = declared(tmp_path)
    prepared = prepare(declaration, read_raw(declaration), DataProcessing(dataset="salaries", seed=1))
    schema, splits = prepared.schema, prepared.splits
    assert (schema.task, schema.unit, schema.favourable, schema.positive_name) == (
        REGRESSION,
        "euros",
        "positive",
        "yearly salary",
    )
    assert all(split.labels.dtype == np.float64 for split in splits.values())
    raw = read_raw(declaration).frame["salary"].astype(float).to_numpy()
    assert (splits["test"].labels == raw[splits["test"].rows]).all()
    assert set(prepared.quality["label_mean"]) == {"all", "train", "validation", "test"}
    assert "label_share" not in prepared.quality


def test_parts_have_like_shares_of_numbers_above_the_median(tmp_path: Path) -> None:
    declaration = declared(tmp_path)
    prepared = prepare(declaration, read_raw(declaration), DataProcessing(dataset="salaries", seed=1))
    everything = np.concatenate([split.labels for split in prepared.splits.values()])
    for split in prepared.splits.values():
        assert np.mean(split.labels > np.median(everything)) == pytest.approx(0.5, abs=0.02)


def test_strata_of_numbers_have_two_values_even_where_most_are_the_largest() -> None:
    assert set(strata(np.array([1.5, 3.0, 3.0, 3.0]))) == {0, 1}
    assert strata(np.array([0.0, 1.0, 1.0])).tolist() == [0, 1, 1]


def test_a_label_out_of_its_range_or_without_spread_breaks_a_promise(tmp_path: Path) -> None:
    label = {"column": "salary", "name": "yearly salary", "favourable": "high", "maximum": 30_000}
    declaration = declared(tmp_path, label=label)
    with pytest.raises(DataError) as caught:
        prepare(declaration, read_raw(declaration), DataProcessing(dataset="salaries", seed=1))
    assert [finding.code for finding in caught.value.findings] == ["label_out_of_range"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": {"column": "salary", "name": "salary", "favourable": "positive"}}, r"label\.favourable"),
        ({"label": {"column": "salary", "favourable": "high"}}, r"label\.name"),
        ({"label": {"column": "salary", "name": "x", "favourable": "low", "positive": ["1"]}}, r"unknown key 'label"),
        ({"label": {"column": "salary", "name": "x", "favourable": "low", "minimum": 2, "maximum": 1}}, "below"),
        ({"task": "binary_classification"}, r"label\.positive"),
        ({"task": "ranking"}, "task"),
    ],
)
def test_contradictory_declarations_are_refused_by_key(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        declared(tmp_path, **change)


def test_the_rank_of_a_group_travels_with_its_rows(tmp_path: Path) -> None:
    split = {"by_city": {"method": "group", "column": "city", "test": 0.3, "validation": 0.3}}
    declaration = declared(tmp_path, splits=split, default_split="by_city")
    prepared = prepare(declaration, read_raw(declaration), DataProcessing(dataset="salaries", seed=1))
    keys = [set(part.split_key.tolist()) for part in prepared.splits.values() if part.split_key is not None]
    assert len(keys) == 3
    assert not keys[0] & keys[1]
    assert not keys[1] & keys[2]


def test_the_stage_writes_numbers_and_reads_them_back(tmp_path: Path) -> None:
    declared(tmp_path)
    sections = {"data_processing": {"dataset": "salaries", "seed": 1}, "feature_engineering": {}}
    sections |= {"model_training": {"estimator": "lightgbm", "seed": 1}, "model_evaluation": {"seed": 1}}
    content = sections | {"model_registration": {}}
    paths = ArtifactPaths(tmp_path)
    paths.parameters.write_text(yaml.safe_dump(content), encoding="utf-8")
    data_processing.main(paths, tmp_path)
    assert read_schema(paths.processed).task == REGRESSION
    assert read_split(paths.processed, "train").labels.dtype == np.float64
    page = paths.data_quality_page.read_text(encoding="utf-8")
    assert "Mean of “yearly salary” in euros" in page
    assert "favourable: high values" in page
