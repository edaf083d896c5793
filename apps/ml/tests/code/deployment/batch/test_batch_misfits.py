"""Rows that do not fit: counted by column, never scored, never guessed, and set aside only when that is asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.deployment.batch.processes import Processes
from apps.ml.errors import DataError
from apps.ml.models.bundle import ModelBundle
from apps.ml.tests.loan_files import read_back, typed

Write = Callable[[pd.DataFrame, str], Path]
NOT_WHOLE, NO_AGE, NO_TRUTH = [3, 70, 71, 72, 300], [4, 300], [499]
WRONG = sorted({*NOT_WHOLE, *NO_AGE, *NO_TRUTH})


@pytest.fixture
def ill(people: pd.DataFrame) -> pd.DataFrame:
    """Applications of which seven do not fit."""
    texts = people.astype({"age": "str", "homeowner": "str"})
    texts.loc[NOT_WHOLE, "age"] = "41.5"
    texts.loc[NO_AGE, "age"] = "forty SECRET"
    texts.loc[NO_TRUTH, "homeowner"] = "perhaps SECRET"
    return texts


@pytest.mark.parametrize("workers", [1, 2])
def test_misfits_are_counted_by_column_and_nothing_is_written(
    ill: pd.DataFrame, write: Write, score: Any, tmp_path: Path, workers: int
) -> None:
    more = {"team": Processes(workers)} if workers > 1 else {}
    with pytest.raises(DataError, match="do not fit the model, among the first 500") as caught:
        score(write(ill, "in.csv"), tmp_path / "out.csv", **more)
    found = {(finding.column, finding.code): finding for finding in caught.value.findings}
    assert found["age", "not_whole"].rows == 4
    assert found["age", "wrong_type"].rows == 2
    assert found["homeowner", "wrong_type"].rows == 1
    assert "in row 3, 70, 71 and 1 more" in found["age", "not_whole"].message
    assert "SECRET" not in str(caught.value)
    assert "--on-misfit quarantine" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_the_first_piece_with_misfits_ends_the_job(ill: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="among the first 50,"):
        score(write(ill, "in.csv"), tmp_path / "out.csv", chunk_rows=50)


@pytest.mark.parametrize("chunk_rows", [7, 500])
def test_misfits_are_set_aside_with_their_reasons_and_all_others_scored(
    ill: pd.DataFrame,
    people: pd.DataFrame,
    bundle: ModelBundle,
    write: Write,
    score: Any,
    tmp_path: Path,
    chunk_rows: int,
) -> None:
    target = tmp_path / "out.parquet"
    finished = score(write(ill, "in.csv"), target, on_misfit="quarantine", chunk_rows=chunk_rows)
    scored, aside = read_back(target), pd.read_parquet(tmp_path / "out.parquet.misfits.parquet")
    assert aside["row"].tolist() == WRONG
    assert scored["row"].tolist() == [row for row in range(500) if row not in WRONG]
    assert (finished.rows, finished.scored, finished.set_aside) == (500, 500 - len(WRONG), len(WRONG))
    expected = bundle.score(typed(people))[scored["row"]]
    np.testing.assert_allclose(scored["score"], expected, rtol=0, atol=1e-12)
    reasons = dict(zip(aside["row"], aside["reason"], strict=True))
    assert reasons[499] == "column 'homeowner': the value has the wrong type; expected true, false, 1 or 0"
    assert reasons[3] == "column 'age': the number is not whole; expected a whole number"
    assert aside["age"].tolist() == ill["age"].iloc[WRONG].tolist()
    assert sum(count.rows for count in finished.misfits) == 7


def test_records_with_other_numbers_of_fields_are_misfits_and_the_rows_keep_their_numbers(
    people: pd.DataFrame, bundle: ModelBundle, write: Write, score: Any, tmp_path: Path
) -> None:
    lines = write(people.drop(columns="name"), "in.csv").read_text(encoding="utf-8").splitlines()
    for row in (0, 6, 7, 100, 499):
        lines[row + 1] += ",more"
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"another number of fields than the header in row 0, 6, 7 and 2 more"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")
    score(tmp_path / "in.csv", tmp_path / "out.csv", on_misfit="quarantine", chunk_rows=7)
    scored = read_back(tmp_path / "out.csv")
    aside = pd.read_parquet(tmp_path / "out.csv.misfits.parquet")
    assert aside["row"].tolist() == [0, 6, 7, 100, 499]
    assert aside["reason"].tolist() == ["the record has another number of fields than the header: 5"] * 5
    assert scored["row"].tolist() == [row for row in range(500) if row not in (0, 6, 7, 100, 499)]
    np.testing.assert_allclose(scored["score"], bundle.score(typed(people))[scored["row"]], rtol=0, atol=1e-12)


def test_rows_are_set_aside_from_parquet_too_and_pieces_may_hold_nothing_else(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    source = write(
        people.astype({"age": "float64"}).assign(age=lambda rows: rows["age"].where(rows.index >= 60, 0.5)),
        "in.parquet",
    )
    finished = score(source, tmp_path / "out.csv", on_misfit="quarantine", chunk_rows=20)
    assert (finished.scored, finished.set_aside) == (440, 60)
    assert read_back(tmp_path / "out.csv")["row"].tolist() == list(range(60, 500))


def test_a_job_that_failed_goes_on_when_misfits_are_to_be_set_aside(
    ill: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    source, target = write(ill.iloc[5:].reset_index(drop=True), "in.csv"), tmp_path / "out.csv"
    with pytest.raises(DataError, match="do not fit"):
        score(source, target, chunk_rows=30)
    finished = score(source, target, chunk_rows=30, on_misfit="quarantine")
    assert (finished.found_parts, finished.set_aside) == (2, 5)


def test_parts_with_rows_set_aside_do_not_slip_into_a_job_that_must_fail(
    ill: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    source, target = write(ill, "in.csv"), tmp_path / "out.csv"

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(source, target, chunk_rows=50, on_misfit="quarantine", tell=stop)
    with pytest.raises(DataError, match="do not fit the model, among the first 50"):
        score(source, target, chunk_rows=50)


def test_a_file_of_misfits_of_an_earlier_run_does_not_stay(
    ill: pd.DataFrame, people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    score(write(ill, "in.csv"), tmp_path / "out.csv", on_misfit="quarantine")
    assert (tmp_path / "out.csv.misfits.parquet").exists()
    score(write(people, "in.csv"), tmp_path / "out.csv", on_misfit="quarantine")
    assert not (tmp_path / "out.csv.misfits.parquet").exists()


def test_declared_texts_are_missing_and_others_are_not_guessed(
    people: pd.DataFrame, bundle: ModelBundle, write: Write, score: Any, tmp_path: Path
) -> None:
    people.to_csv(tmp_path / "in.csv", index=False, na_rep="NA")
    with pytest.raises(DataError, match=r"column 'monthly-income': the value has the wrong type"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")
    score(tmp_path / "in.csv", tmp_path / "out.csv", missing=("NA",), start="restart")
    found = pd.read_csv(tmp_path / "out.csv")["score"]
    np.testing.assert_allclose(found, bundle.score(typed(people)), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"age,purpose\n1,\xff\n", "is not text in the encoding 'utf-8'"),
        (
            b'age,monthly-income,purpose,homeowner\n40,1,"car,1\n41,1,car,1\n',
            "quotation mark is opened and never closed",
        ),
    ],
)
def test_a_file_that_is_no_sound_csv_is_refused(score: Any, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(DataError, match=told):
        score(tmp_path / "in.csv", tmp_path / "out.csv", on_misfit="quarantine")
    assert not (tmp_path / "out.csv").exists()


def test_text_that_is_not_in_its_encoding_is_found_among_the_rows(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    people.assign(name="é").to_csv(tmp_path / "in.csv", index=False, encoding="latin-1")
    with pytest.raises(DataError, match=r"is not text in the encoding 'utf-8'.*latin-1"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")
    score(tmp_path / "in.csv", tmp_path / "out.csv", encoding="latin-1", start="restart")
    assert set(pd.read_csv(tmp_path / "out.csv")["name"]) == {"é"}


def test_a_damaged_parquet_file_is_refused(people: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    source = write(people, "in.parquet")
    source.write_bytes(source.read_bytes()[:-100])
    with pytest.raises(DataError, match="damaged or cut off"):
        score(source, tmp_path / "out.csv")


def test_findings_are_facts_for_machines(ill: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    finished = score(write(ill, "in.csv"), tmp_path / "out.csv", on_misfit="quarantine")
    written = json.loads(json.dumps([count.to_dict() for count in finished.misfits]))
    assert {"column": "age", "code": "not_whole", "rows": 4, "first": [3, 70, 71]} in written
