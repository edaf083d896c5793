"""Whatever the way, the server's numbers are those that the bundle gives offline, and the decisions are the same."""

from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.commands.score import score
from apps.ml.data.processed import read_split
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.models.bundle import Answers, ModelBundle
from apps.ml.models.golden_rows import TOLERANCE
from apps.ml.tests.code.deployment.conftest import COLUMNS
from apps.ml.tests.code.deployment.server_contract.conftest import (
    KINDS,
    MANY_ROWS,
    PERMISSIVE,
    ModelOf,
    serving_models,
    some_rows,
)
from apps.ml.tests.code.deployment.server_contract.ways import (
    WAYS,
    Numbers,
    Way,
    chosen,
    largest_difference,
)
from apps.ml.tests.code.deployment.server_contract.written_rows import Columns

ONE_BY_ONE = 300
FEW_ONE_BY_ONE = 40
ROOT = Path(__file__).parents[6]


@pytest.fixture(scope="module")
def expected(bundle: ModelBundle, many_loans: pd.DataFrame) -> Answers:
    """What the bundle itself says of the ten thousand rows."""
    return bundle.answers(many_loans)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_ten_thousand_rows_get_the_bundles_numbers(
    way: Way, client: httpx.Client, many_loans: pd.DataFrame, expected: Answers
) -> None:
    rows = slice(way.most_rows)
    found = way.ask(client, "toy_loans", many_loans[rows], COLUMNS)
    assert largest_difference(found, chosen(expected, rows)) <= TOLERANCE


def test_the_ten_thousand_rows_hold_what_is_easily_lost(many_loans: pd.DataFrame, expected: Answers) -> None:
    seen = {name for column in COLUMNS for name in column.categories}
    assert len(many_loans) == MANY_ROWS
    assert many_loans[["monthly-income", "purpose"]].isna().any().all()
    assert not set(many_loans["purpose"].dropna()) <= seen
    assert expected.decisions is not None
    assert 0.1 < expected.decisions.mean() < 0.9
    assert len(set(expected.scores)) > 500


@pytest.mark.parametrize("way", [WAYS[0], WAYS[1]], ids=lambda way: way.name)
def test_rows_one_by_one_get_the_same_numbers(
    way: Way, client: httpx.Client, many_loans: pd.DataFrame, expected: Answers
) -> None:
    found = one_by_one(way, client, many_loans[:ONE_BY_ONE], COLUMNS)
    assert largest_difference(found, chosen(expected, slice(ONE_BY_ONE))) <= TOLERANCE


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_scored_file_gets_the_same_numbers(
    ending: str,
    bundle_folder: Path,
    many_loans: pd.DataFrame,
    expected: Answers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = scored_file(many_loans, bundle_folder, tmp_path, ending)
    assert largest_difference(found, expected) <= TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_gives_its_bundles_numbers_in_every_way(kind: str, model_of: ModelOf) -> None:
    model = model_of(kind)
    columns, rows = model.bundle.info.columns, some_rows(model)
    answers = model.bundle.answers(rows)
    with serving_models([model]) as client:
        for way in WAYS:
            part = slice(way.most_rows)
            found = way.ask(client, model.name, rows[part], columns)
            assert largest_difference(found, chosen(answers, part)) <= TOLERANCE, way.name
        found = one_by_one(WAYS[0], client, rows[:FEW_ONE_BY_ONE], columns)
        assert largest_difference(found, chosen(answers, slice(FEW_ONE_BY_ONE))) <= TOLERANCE


@pytest.mark.slow
def test_the_pipelines_model_gives_its_bundles_numbers_for_the_test_split(tmp_path: Path) -> None:
    paths = ArtifactPaths(ROOT)
    if not (paths.bundle.is_dir() and paths.processed.is_dir()):
        pytest.skip("the pipeline has not run here: make reproduce")
    model = FolderSource(paths.bundle, PERMISSIVE).load()
    columns = model.bundle.info.columns
    rows = read_split(paths.processed, "test").inputs(columns).reset_index(drop=True)
    answers = model.bundle.answers(rows)
    with serving_models([model]) as client:
        for way in WAYS:
            part = slice(way.most_rows)
            found = way.ask(client, model.name, rows[part], columns)
            assert largest_difference(found, chosen(answers, part)) <= TOLERANCE, way.name
        found = one_by_one(WAYS[0], client, rows[:ONE_BY_ONE], columns)
        assert largest_difference(found, chosen(answers, slice(ONE_BY_ONE))) <= TOLERANCE
    assert largest_difference(scored_file(rows, paths.bundle, tmp_path, "parquet"), answers) <= TOLERANCE


def one_by_one(way: Way, client: httpx.Client, rows: pd.DataFrame, columns: Columns) -> Numbers:
    """Ask for each row by itself."""
    model = client.get("/v1/models").json()["models"][0]["name"]
    found = [way.ask(client, model, rows[number : number + 1], columns) for number in range(len(rows))]
    return Numbers(np.concatenate([one.scores for one in found]), [one.decisions[0] for one in found])


def scored_file(rows: pd.DataFrame, bundle: Path, folder: Path, ending: str) -> Numbers:
    """Write the rows to a file, have it scored as the command does, and read the numbers back."""
    source, target = folder / f"in.{ending}", folder / f"out.{ending}"
    if ending == "csv":
        rows.to_csv(source, index=False)
    else:
        parquet.write_table(pa.Table.from_pandas(rows, preserve_index=False), source)
    score(source, target, model=str(bundle), results_only=True, allow=["chance", "sensitive_at_prediction"])
    read = pd.read_csv(target) if ending == "csv" else pd.read_parquet(target)
    decisions = [None if pd.isna(decision) else int(decision) for decision in read["decision"]]
    return Numbers(read["score"].to_numpy(dtype=np.float64), decisions)
