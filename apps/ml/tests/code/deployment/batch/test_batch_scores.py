"""A scored file has the numbers of the bundle and of the server, in the order of its rows, whatever the way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from apps.ml.deployment.batch.processes import Processes
from apps.ml.deployment.explaining.preparation import explainer_of
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import BadInputError, DataError
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.golden_rows import read_golden, records
from apps.ml.tests.loan_files import MODEL_COLUMNS, read_back, typed

Write = Callable[[pd.DataFrame, str], Path]
RESULTS = ["row", "score", "decision", "threshold", "version", "evidence"]
WAGES = Path(__file__).parents[2] / "models" / "format_2_wages_bundle"


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
@pytest.mark.parametrize("source", ["in.csv", "in.parquet"])
def test_scores_and_decisions_are_the_bundles_in_the_order_of_the_rows(
    people: pd.DataFrame, bundle: ModelBundle, write: Write, score: Any, tmp_path: Path, source: str, target: str
) -> None:
    finished = score(write(people, source), tmp_path / target, chunk_rows=64)
    found, expected = read_back(tmp_path / target), bundle.answers(typed(people))
    np.testing.assert_allclose(found["score"], expected.scores, rtol=0, atol=1e-12)
    assert expected.decisions is not None
    assert found["decision"].tolist() == expected.decisions.tolist()
    assert set(found["decision"]) == {0, 1}
    assert found["row"].tolist() == list(range(len(people)))
    assert found["name"].tolist() == people["name"].tolist()
    assert set(found["threshold"]) == {bundle.info.threshold}
    assert (finished.rows, finished.scored, finished.parts) == (500, 500, 8)
    assert not (tmp_path / f"{target}.parts").exists()


def test_the_server_gives_the_same_numbers(
    people: pd.DataFrame, client: httpx.Client, bundle: ModelBundle, write: Write, score: Any, tmp_path: Path
) -> None:
    score(write(people, "in.csv"), tmp_path / "out.parquet")
    instances = [{**row, "homeowner": bool(row["homeowner"])} for row in records(typed(people), bundle.info.columns)]
    answer = client.post("/v1/predict", json={"instances": instances}).json()
    found = read_back(tmp_path / "out.parquet")
    np.testing.assert_allclose(found["score"], [one["score"] for one in answer["predictions"]], rtol=0, atol=1e-12)
    assert found["decision"].tolist() == [one["decision"] for one in answer["predictions"]]


@pytest.mark.parametrize("chunk_rows", [1, 7, 499, 500, 5000])
def test_the_size_of_pieces_changes_no_row(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path, chunk_rows: int
) -> None:
    few = people.head(60)
    score(write(few, "in.csv"), tmp_path / "whole.csv")
    score(write(few, "in.parquet"), tmp_path / "from_parquet.csv", chunk_rows=chunk_rows, keep=())
    score(tmp_path / "in.csv", tmp_path / "pieces.csv", chunk_rows=chunk_rows)
    whole, pieces = read_back(tmp_path / "whole.csv"), read_back(tmp_path / "pieces.csv")
    pd.testing.assert_frame_equal(pieces, whole, rtol=0, atol=1e-12)
    pd.testing.assert_frame_equal(read_back(tmp_path / "from_parquet.csv"), pieces[RESULTS], rtol=0, atol=1e-12)


def test_processes_give_the_same_bytes(people: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    source = write(people, "in.parquet")
    score(source, tmp_path / "alone.parquet", chunk_rows=50)
    score(source, tmp_path / "together.parquet", chunk_rows=50, team=Processes(2))
    assert (tmp_path / "together.parquet").read_bytes() == (tmp_path / "alone.parquet").read_bytes()


def test_a_folder_of_parquet_files_is_one_input_in_the_order_of_their_names(
    people: pd.DataFrame, bundle: ModelBundle, write: Write, score: Any, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "_SUCCESS").touch()
    for number, start in enumerate(range(0, 500, 200)):
        write(people[start : start + 200], f"in/part-{number}.parquet")
    score(tmp_path / "in", tmp_path / "out.parquet", chunk_rows=90)
    found = read_back(tmp_path / "out.parquet")
    assert found["row"].tolist() == list(range(500))
    np.testing.assert_allclose(found["score"], bundle.score(typed(people)), rtol=0, atol=1e-12)


def test_texts_of_a_csv_file_are_repeated_as_they_were_written(score: Any, tmp_path: Path) -> None:
    text = 'code,age,monthly-income,purpose,homeowner\n007,40,1e3,car,TRUE\n"a,b\n""c""",41,,,0\n,42.0,.5,x,1\n'
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    score(tmp_path / "in.csv", tmp_path / "out.csv", keep=("code", "monthly-income"))
    written = (tmp_path / "out.csv").read_text(encoding="utf-8")
    lines = written.replace("b\n", "b ").splitlines()
    assert [line.rsplit(",", 6)[0] for line in lines] == ["code,monthly-income", "007,1e3", '"a,b ""c""",', ",.5"]


def test_of_a_csv_file_a_parquet_file_gets_the_models_types(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    score(write(people, "in.csv"), tmp_path / "out.parquet")
    found = read_back(tmp_path / "out.parquet")
    assert found["age"].tolist() == people["age"].tolist()
    assert found["homeowner"].tolist() == people["homeowner"].tolist()
    assert found["monthly-income"].equals(people["monthly-income"])
    assert found["name"].tolist() == people["name"].tolist()


def test_a_model_of_numbers_decides_nothing(score: Any, tmp_path: Path) -> None:
    wages = FolderSource(WAGES).load()
    golden = read_golden(WAGES, wages.bundle.info.columns)
    golden.frame.to_parquet(tmp_path / "in.parquet", index=False)
    score(tmp_path / "in.parquet", tmp_path / "out.csv", model=wages)
    found = read_back(tmp_path / "out.csv")
    np.testing.assert_allclose(found["score"], golden.scores, rtol=0, atol=1e-9)
    assert found["decision"].isna().all()
    assert found["threshold"].isna().all()


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
@pytest.mark.parametrize("text", ["{}\n", "{}", "{}\r\n"])
def test_no_rows_give_an_output_without_rows(score: Any, tmp_path: Path, text: str, target: str) -> None:
    (tmp_path / "in.csv").write_text(text.format(",".join(MODEL_COLUMNS)), encoding="utf-8", newline="")
    finished = score(tmp_path / "in.csv", tmp_path / target)
    assert (finished.rows, len(read_back(tmp_path / target))) == (0, 0)
    assert list(read_back(tmp_path / target))[-6:] == RESULTS


def test_a_compressed_file_and_a_byte_order_mark_are_read(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    score(write(people, "in.csv"), tmp_path / "plain.csv")
    people.to_csv(tmp_path / "in.csv.gz", index=False, encoding="utf-8-sig")
    score(tmp_path / "in.csv.gz", tmp_path / "out.csv", chunk_rows=77)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_the_output_takes_the_place_of_an_older_one_only_when_it_is_whole(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").write_text("older", encoding="utf-8")
    seen: list[str] = []
    score(
        write(people, "in.csv"),
        tmp_path / "out.csv",
        chunk_rows=100,
        tell=lambda *_: seen.append((tmp_path / "out.csv").read_text(encoding="utf-8")),
    )
    assert set(seen) == {"older"}
    assert len(read_back(tmp_path / "out.csv")) == 500


def test_progress_tells_rows_and_share(people: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    score(write(people, "in.parquet"), tmp_path / "out.csv", chunk_rows=100, tell=lambda *facts: told.append(facts))
    assert told == [(100, 0.2), (100, 0.4), (100, 0.6), (100, 0.8), (100, 1.0)]


def test_a_column_of_the_name_of_a_result_needs_a_prefix(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    source = write(people.rename(columns={"name": "score"}), "in.csv")
    with pytest.raises(DataError, match=r"has the column 'score'.*--prefix"):
        score(source, tmp_path / "out.csv")
    score(source, tmp_path / "out.csv", prefix="model_")
    assert {"score", "model_score", "model_row"} <= set(read_back(tmp_path / "out.csv"))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"age": "Age"}, r"lacks the column 'age' \(did you mean 'Age'\?\)"),
        ({"name": "age"}, "two columns named 'age'"),
    ],
)
def test_columns_that_are_absent_or_twice_there_are_named(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path, changed: dict[str, str], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        score(write(people.rename(columns=changed), "in.csv"), tmp_path / "out.csv")
    assert not list(tmp_path.glob("out*"))


def test_another_separator_is_suggested_and_then_used(people: pd.DataFrame, score: Any, tmp_path: Path) -> None:
    people.to_csv(tmp_path / "in.csv", index=False, sep=";")
    with pytest.raises(DataError, match="Give --separator ';'"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", separator=";").scored == 500


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("none.csv", "out.csv", "there is no "),
        ("in.csv", "in.csv", "is the input"),
        ("in.csv", "out.xlsx", "ends with none of"),
        ("in.csv", "out.csv.gz", r"not compressed as \.gz"),
        ("in.csv", "absent/out.csv", "there is no folder"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_before_anything_is_read(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path, source: str, target: str, told: str
) -> None:
    write(people, "in.csv")
    with pytest.raises(BadInputError, match=told):
        score(tmp_path / source, tmp_path / target)


def test_the_metadata_of_a_parquet_file_names_the_model(
    people: pd.DataFrame, served: ServedModel, write: Write, score: Any, tmp_path: Path
) -> None:
    score(write(people, "in.parquet"), tmp_path / "out.parquet")
    facts = parquet.read_schema(tmp_path / "out.parquet").metadata
    assert facts[b"fairmind.bundle"].decode() == served.bundle_digest


def test_explanations_are_those_of_the_server(
    people: pd.DataFrame, served: ServedModel, write: Write, score: Any, tmp_path: Path
) -> None:
    few = people.head(40)
    score(write(few, "in.csv"), tmp_path / "out.parquet", explain=True, chunk_rows=15)
    found = [json.loads(text) for text in read_back(tmp_path / "out.parquet")["explanation"]]
    frame = typed(few)
    expected = explainer_of(served).explain_frame(frame, served.scorer.answers(frame), Wanted())
    for one, other in zip(found, expected, strict=True):
        wanted = other.to_dict()
        assert [part["column"] for part in one["contributions"]] == [part["column"] for part in wanted["contributions"]]
        contributions = [part["contribution"] for part in wanted["contributions"]]
        assert [part["contribution"] for part in one["contributions"]] == pytest.approx(contributions, abs=1e-12)
        assert one["reasons"] == wanted["reasons"]
