"""Files that an audit reads, and those that it refuses, with the place and the repair."""

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.errors import DataError
from apps.ml.evaluation.audit import chunks, csv_chunks, csv_header, parquet_chunks
from apps.ml.evaluation.audit.counting import AuditCounts, count_file
from apps.ml.evaluation.audit.outcome_words import OutcomeWords
from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.audited_files import decisions, options, written

PARAMETERS = ModelEvaluation(seed=1)
TABLE = "sex,label,decision\nf,1,1\nf,0,1\nm,0,0\nm,1,0\n"


def counted(path: Path, **changed: Any) -> AuditCounts:
    return count_file(options(path, **changed), PARAMETERS)


def counted_text(tmp_path: Path, text: str | bytes, **changed: Any) -> AuditCounts:
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return counted(path, **changed)


def refused(tmp_path: Path, text: str | bytes, **changed: Any) -> str:
    with pytest.raises(DataError) as caught:
        counted_text(tmp_path, text, **changed)
    message = str(caught.value)
    assert "people.csv" in message or "column" in message
    return message


@pytest.mark.parametrize("name", ["people.csv", "people.parquet"])
def test_a_file_in_chunks_counts_as_the_rows_together(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_chunks, "BLOCK_BYTES", 600)
    monkeypatch.setattr(parquet_chunks, "BATCH_ROWS", 7)
    frame = decisions()
    frame.loc[::50, "region"] = None
    path = written(tmp_path / name, frame)
    found = counted(path, sensitive=("sex", "region"), score="score", weight="weight")
    whole = count_jointly(frame["decision"], frame[["sex", "region"]], frame["label"], frame["score"], frame["weight"])
    assert found.joint.groups == whole.groups
    assert found.joint.cells.tolist() == whole.cells.tolist()
    assert found.joint.sums.rows.tolist() == whole.sums.rows.tolist()
    assert found.joint.sums.scores is not None
    assert whole.sums.scores is not None
    assert found.joint.sums.scores.tolist() == whole.sums.scores.tolist()
    assert np.allclose(found.joint.table("sex").mass, whole.table("sex").mass)
    assert found.rows_read == len(frame)


def test_the_scoring_rate_is_exact_and_counts_persons_of_unknown_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_chunks, "BLOCK_BYTES", 600)
    frame = decisions()
    frame.loc[::3, "sex"] = None
    found = counted(written(tmp_path / "people.csv", frame), score="score")
    median = frame["score"].median()
    assert found.median == median
    assert found.scoring is not None
    table = found.scoring.table("sex")
    expected = (frame["score"] > median).groupby(frame["sex"].fillna("unknown")).sum()
    assert dict(zip(table.groups, table.counts[:, 0, 1].tolist(), strict=True)) == expected.to_dict()


def test_scores_of_another_scale_make_scoring_rates_alone(tmp_path: Path) -> None:
    frame = decisions().assign(score=lambda rows: rows["score"] * 900 + 100)
    path = written(tmp_path / "people.csv", frame)
    found = counted(path, score="score", score_scale="any")
    assert found.joint.score_bins == 0
    assert found.median == frame["score"].median()
    with pytest.raises(DataError, match=r"out of range, first in line 2.*--score-scale any"):
        counted(path, score="score")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    assert counted_text(tmp_path, TABLE.replace(",", separator)).joint.rows == 4


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + TABLE.encode(),
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.rstrip("\n").encode(),
        TABLE.replace("\n", "\n\n").encode(),
        TABLE.replace("f,", " f ,").encode(),
        b'"sex","label","decision"\n"f","1","1"\n"f",0,1\n"m",0,0\nm,1,0\n',
    ],
    ids=["BOM", "CRLF", "no last line break", "blank lines", "blanks", "quoted"],
)
def test_the_same_table_written_otherwise_counts_the_same(tmp_path: Path, text: bytes) -> None:
    assert counted_text(tmp_path, text).joint == counted_text(tmp_path, TABLE).joint


def test_other_encodings_and_compressed_files_are_read(tmp_path: Path) -> None:
    text = TABLE.replace("f,", "weiblich é,")
    for encoding in ("latin-1", "utf-16"):
        found = counted_text(tmp_path, text.encode(encoding), encoding=encoding)
        assert found.joint.groups == (("m", "weiblich é"),)
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode()))
    assert counted(path).joint.rows == 4


def test_a_comma_and_a_line_break_in_quotation_marks_belong_to_the_value(tmp_path: Path) -> None:
    text = 'note,sex,label,decision\n"a, ""b""\nc",f,1,1\n,m,0,0\n'
    assert counted_text(tmp_path, text).joint.rows == 2


def test_columns_that_are_not_needed_may_repeat(tmp_path: Path) -> None:
    assert counted_text(tmp_path, "x,sex,x,label,decision\n1,f,2,1,1\n1,m,2,0,0\n").joint.rows == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty; expected a table"),
        (b"\n \n", "is empty; expected a table"),
        (b"sex,label,decision\n", "has column names and no rows"),
        (b"sex,label,decision", "has column names and no rows"),
        (b"gender,label,decision\nf,1,1\n", "has no column 'sex'; valid: gender, label, decision"),
        (b"sex,labels,decision\nf,1,1\n", "has no column 'label'; did you mean 'labels'?"),
        (b"sex,sex,label,decision\nf,f,1,1\n", "has 2 columns named 'sex'"),
        (b"sex,label,decision\nf,1,1\nf,1\nm,1,1,1\n", "expected 3 as in the header, but line 3 has 2, line 4 has 4"),
        (b"sex,label,decision\nf,1,1\n" + b"f,1\n" * 9, "line 7 has 2 and there are more"),
        (TABLE.encode("utf-16"), "holds zero bytes, so it is not text in the encoding 'utf-8'"),
        (TABLE.replace("m,", "é,").encode("latin-1"), "line 4 is not text in the encoding 'utf-8'"),
        ("séx,label,decision\nf,1,1\n".encode("latin-1"), "is not text in the encoding 'utf-8'"),
        (b'sex,label,decision,note\nf,1,1,"open\nm,0,0,x\n', "a quotation mark is opened and never closed"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_refused_with_the_place(tmp_path: Path, text: bytes, message: str) -> None:
    assert message in refused(tmp_path, text)


def test_a_quotation_mark_that_is_never_closed_cannot_swallow_a_large_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_chunks, "BLOCK_BYTES", 200)
    text = 'sex,label,decision,note\nf,1,1,"open\n' + "m,0,0,x\n" * 200
    assert "a quotation mark is opened and never closed" in refused(tmp_path, text)


def test_an_absent_file_and_an_unknown_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        counted(tmp_path / "absent.csv")
    assert "is not the name of an encoding" in refused(tmp_path, TABLE, encoding="latin-99")


def test_a_damaged_compressed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode())[:20])
    with pytest.raises(DataError, match=r"people\.csv\.gz"):
        counted(path)


def test_parquet_of_any_types_counts_as_the_same_csv(tmp_path: Path) -> None:
    frame = decisions(60)
    typed = frame.assign(
        decision=frame["decision"].astype(bool),
        label=frame["label"].astype("float64"),
        sex=frame["sex"].astype("category"),
        region=frame["region"].map({"north": 1, "south": 2, "west": None}),
    )
    plain = frame.assign(region=frame["region"].map({"north": "1", "south": "2", "west": ""}))
    one = counted(written(tmp_path / "a.parquet", typed), sensitive=("sex", "region"))
    two = counted(written(tmp_path / "a.csv", plain), sensitive=("sex", "region"))
    assert one.joint == two.joint
    assert one.joint.groups[1] == ("1", "2", "unknown")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"sex": ["f"], "label": [1]}), "has no column 'decision'"),
        (decisions(5).iloc[:0], "has column names and no rows"),
        (decisions(2).assign(sex=pd.Series([["f"], ["m"]])), "the column 'sex' holds list.*not single values"),
        (decisions(2).assign(score=["high", "low"]), "the column 'score' holds something that is not a number"),
    ],
)
def test_a_parquet_file_that_does_not_fit_is_refused(tmp_path: Path, frame: pd.DataFrame, message: str) -> None:
    extra = {"score": "score"} if "score" in frame and "label" in frame else {}
    with pytest.raises(DataError, match=message):
        counted(written(tmp_path / "people.parquet", frame), **extra)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "people.parquet", decisions(50))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="cannot be read as Parquet: it is damaged or cut off"):
        counted(path)


@pytest.mark.parametrize(
    ("numbers", "column", "message"),
    [
        (["1", "0", "2"], "weight", "missing, infinite, zero or negative, first in line 3.*1 row"),
        (["1", "-1", "0"], "weight", "first in line 3.*2 rows"),
        (["1", "", "1"], "weight", "first in line 3.*1 row"),
        (["1", "inf", "1"], "weight", "first in line 3.*1 row"),
        (["0.5", "1.5", "-0.1"], "score", "infinite, out of range, first in line 3.*2 rows"),
        (["0.5", "0.1", ""], "score", "the value is missing, first in line 4.*1 row.*--leave-out-missing"),
        (["0.5", "abc", "0.1"], "score", "line 3: the column 'score' holds something that is not a number"),
    ],
)
def test_numbers_outside_their_range_are_counted_and_never_repeated(
    tmp_path: Path, numbers: Iterable[str], column: str, message: str
) -> None:
    rows = "".join(f"f,1,1,{number}\n" for number in numbers)
    text = f"sex,label,decision,{column}\n{rows}"
    with pytest.raises(DataError, match=message) as caught:
        counted_text(tmp_path, text, **{column: column})
    assert "abc" not in str(caught.value)
    assert "1.5" not in str(caught.value)


def test_all_findings_are_reported_at_once(tmp_path: Path) -> None:
    text = "sex,label,decision,weight\nf,2,1,0\nm,0,,1\nm,1,0,1\n"
    message = refused(tmp_path, text, weight="weight")
    assert "column 'label': 1 value is neither" in message
    assert "column 'weight': the number is missing, infinite, zero or negative, first in line 2 (1 row)" in message
    assert "column 'decision': the value is missing, first in line 3 (1 row)" in message
    assert "of 3 rows:" in message


def test_rows_without_an_outcome_are_left_out_and_counted_when_asked(tmp_path: Path) -> None:
    text = TABLE + "f,,1\nm,1,N/A\n"
    found = counted_text(tmp_path, text, leave_out_missing=True)
    assert (found.rows_read, found.left_out, found.joint.rows) == (6, 2, 4)
    assert "every row was left out" in refused(tmp_path, "sex,label,decision\nf,,1\n", leave_out_missing=True)


def test_a_value_that_names_an_outcome_is_not_missing(tmp_path: Path) -> None:
    words = OutcomeWords(positive=("N/A",), favourable=("none",))
    found = counted_text(tmp_path, "sex,label,decision\nf,N/A,none\nm,none,N/A\n", words=words)
    assert found.joint.table("sex").counts.tolist() == [[[0, 0], [1, 0]], [[0, 1], [0, 0]]]


def test_a_missing_group_is_unknown_by_every_sign_of_nothing(tmp_path: Path) -> None:
    text = TABLE + "".join(f"{sign},1,1\n" for sign in ("", "?", "NA", "N/A", "nan", "null"))
    assert counted_text(tmp_path, text).joint.table("sex").sizes.tolist() == [2, 2, 6]
    named = counted_text(tmp_path, text, missing=("NA",)).joint
    assert named.groups == (("?", "N/A", "f", "m", "nan", "null", "unknown"),)


def test_blank_lines_before_the_names_are_not_rows(tmp_path: Path) -> None:
    text = TABLE.replace(",0\n", ",1\n")
    found = counted_text(tmp_path, "\n  \r\n\n" + text).joint
    assert found == counted_text(tmp_path, text).joint
    assert found.rows == 4


def test_names_of_columns_may_hold_line_breaks_in_quotation_marks(tmp_path: Path) -> None:
    text = 'sex,label,decision,"a\nb"\nf,1,1,x\nm,0,0,y\n'
    assert counted_text(tmp_path, text).joint.rows == 2


def test_a_quotation_mark_in_the_names_that_is_never_closed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TABLE.replace("decision", 'decision"')
    assert "a quotation mark is opened and never closed" in refused(tmp_path, text)
    monkeypatch.setattr(csv_header, "LONGEST_HEADER", 20)
    assert "a quotation mark is opened and never closed" in refused(tmp_path, text)


@pytest.mark.parametrize("sign", [" NA ", "  ", "\u00a0"])
def test_blanks_around_a_missing_value_do_not_make_it_a_value(tmp_path: Path, sign: str) -> None:
    text = TABLE + f"{sign},1,1\nm,{sign},1\n"
    found = counted_text(tmp_path, text, leave_out_missing=True)
    assert (found.left_out, found.joint.groups) == (1, (("f", "m", "unknown"),))


def test_names_that_look_the_same_are_the_same_however_unicode_writes_them(tmp_path: Path) -> None:
    composed, apart = "\u00e9", "e\u0301"
    text = f"s{apart}x,label,decision\n{composed},1,1\n{apart},0,0\n"
    found = counted_text(tmp_path, text, sensitive=(f"s{composed}x",))
    assert found.joint.groups == ((composed,),)


@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_bytes_that_are_not_of_the_encoding_are_refused(tmp_path: Path, encoding: str) -> None:
    text = TABLE.replace("m,", "é,").encode("utf-8" if encoding == "ascii" else "utf-16")[:-1]
    assert f"is not text in the encoding '{encoding}'" in refused(tmp_path, text, encoding=encoding)


@pytest.mark.parametrize("name", ["UTF16", "utf_8", "utf-32"])
def test_an_encoding_may_be_written_in_any_way(tmp_path: Path, name: str) -> None:
    text = "\ufeff" + TABLE.replace("f,", '"f",') if name == "utf_8" else TABLE.replace("f,", '"f",')
    assert counted_text(tmp_path, text.encode(name), encoding=name).joint.groups == (("f", "m"),)


def test_a_compressed_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    assert counted_text(tmp_path, gzip.compress(TABLE.encode())).joint.rows == 4
    noise = np.random.default_rng(1).bytes(3_000).hex()
    damaged = bytearray(gzip.compress((TABLE + noise).encode()))
    damaged[len(damaged) // 2] ^= 0xFF
    damaged[len(damaged) // 2 + 1] ^= 0xFF
    assert "is not a whole gzip file" in refused(tmp_path, bytes(damaged))


def test_values_of_a_parquet_dictionary_that_no_row_has_are_no_groups(tmp_path: Path) -> None:
    frame = decisions(50)
    frame["sex"] = pd.Categorical(frame["sex"], categories=["nobody", "female", "male"])
    assert counted(written(tmp_path / "people.parquet", frame)).joint.groups == (("female", "male"),)


def test_columns_of_parquet_may_have_blanks_around_their_names(tmp_path: Path) -> None:
    frame = decisions(50).rename(columns={"sex": " sex "})
    assert counted(written(tmp_path / "people.parquet", frame)).joint.rows == 50


def test_whole_numbers_beyond_those_of_floats_are_numbers(tmp_path: Path) -> None:
    frame = decisions(50).assign(weight=2**60 + 1)
    assert counted(written(tmp_path / "people.parquet", frame), weight="weight").joint.rows == 50


@pytest.mark.parametrize("weight", [1e300, 1e-300])
def test_weights_whose_squares_cannot_be_added_up_are_refused(tmp_path: Path, weight: float) -> None:
    text = f"sex,label,decision,weight\nf,1,1,{weight}\n"
    assert "expected a positive weight, from 1e-100 to 1e100" in refused(tmp_path, text, weight="weight")


def test_a_column_with_a_number_per_row_can_be_banded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MOST_TEXT_VALUES", 50)
    frame = decisions(200).assign(income=np.arange(200))
    asked: dict[str, Any] = {"sensitive": ("income",), "bands": {"income": (100.0,)}}
    for name in ("people.csv", "people.parquet"):
        assert counted(written(tmp_path / name, frame), **asked).joint.table("income").sizes.tolist() == [100, 100]


@pytest.mark.parametrize("rows", [1_001, 120_000])
def test_a_sensitive_column_with_a_value_per_row_is_refused_early(tmp_path: Path, rows: int) -> None:
    text = "sex,label,decision\n" + "".join(f"person {number},1,1\n" for number in range(rows))
    message = refused(tmp_path, text)
    assert "the column 'sex' has" in message
    assert "person 1" not in message


def test_too_many_values_are_found_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_chunks, "BLOCK_BYTES", 2000)
    text = "sex,label,decision\n" + "".join(f"person {number},1,1\n" for number in range(1_500))
    assert "more than 1,000 distinct values" in refused(tmp_path, text)


def test_numbers_are_put_into_bands_that_ascend(tmp_path: Path) -> None:
    rows = "".join(f"{age},1,1\n" for age in ("24", "25", "44.0", "45", "9", "100", ""))
    found = counted_text(tmp_path, "age,label,decision\n" + rows, sensitive=("age",), bands={"age": (25.0, 45.0)})
    assert found.joint.groups == (("<25", "25-44", ">=45", "unknown"),)
    assert found.joint.table("age").sizes.tolist() == [2, 2, 2, 1]
    fractional = counted_text(
        tmp_path, f"age,label,decision\n{rows}24.5,1,1\n", sensitive=("age",), bands={"age": (25.0, 45.0)}
    )
    assert fractional.joint.groups == (("<25", "25-<45", ">=45", "unknown"),)


def test_a_band_needs_numbers(tmp_path: Path) -> None:
    text = "age,label,decision\n30,1,1\nold,0,0\ninf,0,1\n"
    message = refused(tmp_path, text, sensitive=("age",), bands={"age": (25.0,)})
    assert "column 'age': a value that is not a number is in no band (2 rows)" in message
    assert "old" not in message


def test_a_group_cannot_be_named_as_an_intersection(tmp_path: Path) -> None:
    for name in ("f × x", "f ×", "× f", "×"):
        assert "stands between the parts" in refused(tmp_path, TABLE.replace("f,", f"{name},"))


def test_decisions_are_made_of_scores_by_a_threshold(tmp_path: Path) -> None:
    path = written(tmp_path / "people.csv", decisions())
    made = counted(path, prediction=None, score="score", threshold=0.5)
    assert made.joint == counted(path, score="score").joint
