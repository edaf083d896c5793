"""Whatever a file holds, it is audited or refused in words: no value of it, no inside of the service."""

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.ml.evidence_service.audits import worker
from apps.ml.evidence_service.audits.job import ANSWERED, FAILED, REFUSED, Job, Work
from apps.ml.tests.audited_files import decisions

MEBIBYTE = 2**20
QUERY: dict[str, Any] = {"prediction": "decision", "sensitive": ["sex"]}
SECRET = "Rumpelstilzchen"
Read = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Do the work of a worker in this process: exit code and content."""
    monkeypatch.chdir(tmp_path)

    def read(body: bytes, work: Work = "audit", name: str = "table.csv", **query: Any) -> tuple[int, dict[str, Any]]:
        (tmp_path / name).write_bytes(body)
        asked = (QUERY | query) if work == "audit" else query
        code, content = worker.outcome_of(Job(work, tmp_path, name, asked, 0, 60, 16 * MEBIBYTE))
        told: dict[str, Any] = json.loads(content)
        assert code != FAILED, told
        if code == REFUSED:
            assert str(tmp_path) not in content.decode()
            assert SECRET not in content.decode()
            assert "--" not in content.decode()
            assert told["message"].endswith((".", "?"))
            assert len(told["message"]) <= worker.LONGEST_MESSAGE
        return code, told

    return read


def parquet(table: pa.Table, **options: Any) -> bytes:
    written = io.BytesIO()
    pq.write_table(table, written, **options)
    return written.getvalue()


HEADER = b"decision,sex,note\n"
TEXTS: dict[str, tuple[bytes, str]] = {
    "one field without end": (HEADER + b'1,m,"' + b"a" * 20 * MEBIBYTE, "quotation mark is opened and never closed"),
    "one field in one line": (HEADER + b"1,m," + b"a" * 20 * MEBIBYTE, "cannot be read as CSV"),
    "a header without end": (b"a" * 3 * MEBIBYTE, "line of column names is longer than"),
    "a name without end": (b"decision,sex," + b"a" * 200_000 + b"\n1,m,x\n", "a name in it has more than"),
    "a million columns": (b",".join(b"c%d" % at for at in range(1_000_000)) + b"\n1\n", "is longer than"),
    "columns that nobody asked for": (b"," * 200_000 + b"\n" + b"," * 200_000 + b"\n", "has no column 'decision'"),
    "many columns that nobody asked for": (
        b",".join(b"c%d" % at for at in range(50_000)) + b"\n1\n",
        "has no column 'decision'",
    ),
    "zero bytes": (b"\0" * 100_000, "holds zero bytes"),
    "another encoding": (HEADER + "1,männlich,x\n".encode("latin-1"), "is not text in the encoding 'utf-8'"),
    "another encoding in the header": ("decision,sex,Größe\n1,m,x\n".encode("latin-1"), "is not text"),
    "lines of other lengths": (HEADER + b"1,m\n1,m,x,y\n", "wrong number of fields"),
    "no rows": (HEADER, "has column names and no rows"),
    "nothing but blanks": (b" \n" * 10_000, "is empty"),
    "a column twice": (b"decision,sex,sex\n1,m,f\n", "has 2 columns named 'sex'"),
    "people's names": (HEADER + b"".join(b"1,%d,x\n" % at for at in range(3_000)), "more than 1,000 distinct values"),
    "words for decisions": (HEADER + f"{SECRET},m,x\n1,f,x\n0,f,x\n".encode(), "cannot be audited as asked"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_text_that_is_no_table_is_refused_in_words(case: str, read: Read) -> None:
    body, message = TEXTS[case]
    code, told = read(body)
    assert (code, told["code"]) == (REFUSED, "misfit")
    assert message in told["message"]


def test_zero_bytes_behind_the_beginning_are_values_as_others(read: Read) -> None:
    code, told = read(HEADER + b"1,m,x\n" * 2_000 + b"\0,\0,\0\n")
    assert (code, told["rows"]) == (ANSWERED, 2_001)
    code, told = read(HEADER + b"1,m,x\n" * 2_000 + b"\0,\0,\0\n", "table")
    assert told["columns"][0] == {"name": "decision", "type": "string"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "rot13", "base64", "undefined", "idna", "zip", "nonsense"])
def test_no_encoding_makes_a_failure(encoding: str, read: Read) -> None:
    for work in ("audit", "table"):
        assert read(HEADER + b"1,m,x\n0,f,y\n" * 50, work, encoding=encoding)[0] in (ANSWERED, REFUSED)


def test_findings_name_column_rows_and_what_was_expected(read: Read) -> None:
    body = HEADER + b"1,m,x\n" + f"{SECRET},m,x\n".encode() * 3 + b"0,f,x\n,f,x\n"
    _, told = read(body)
    by_code = {finding["code"]: finding for finding in told["findings"]}
    assert set(by_code) == {"outcome", "missing"}
    assert (by_code["outcome"]["column"], by_code["outcome"]["rows"]) == ("decision", 3)
    assert by_code["missing"]["rows"] == 1
    assert "`leave_out_missing`" in by_code["missing"]["expected"]


def test_a_small_parquet_file_of_many_rows_is_refused_before_it_is_read(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.ml.evidence_service.audits.parquet_bounds.MOST_ROWS", 1_000_000)
    column = pa.DictionaryArray.from_arrays(pa.nulls(1_200_000, pa.int8()).fill_null(0), pa.array(["1"]))
    body = parquet(pa.table({"decision": column, "sex": column}))
    assert len(body) < 10_000
    for work in ("audit", "table"):
        code, told = read(body, work)
        assert code == REFUSED
        assert "declares 1,200,000 rows" in told["message"]


def test_pages_that_unpack_to_too_much_are_refused_by_what_they_claim(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.ml.evidence_service.audits.parquet_bounds.MOST_UNPACKED_BYTES", 10 * MEBIBYTE)
    text = "a" * 200_000
    table = pa.table({"decision": ["1"] * 60, "sex": [text + str(at) for at in range(60)]})
    body = parquet(table, compression="zstd", use_dictionary=False)
    assert len(body) < MEBIBYTE
    code, told = read(body)
    assert code == REFUSED
    assert "once they are decompressed" in told["message"]


def test_a_sound_table_of_several_row_groups_is_audited_whole(read: Read) -> None:
    body = parquet(pa.Table.from_pandas(decisions(5_000)), row_group_size=700)
    assert pq.ParquetFile(io.BytesIO(body)).num_row_groups == 8
    code, told = read(body, name="table.parquet")
    assert (code, told["rows"]) == (ANSWERED, 5_000)


def nested(kind: Any, value: Any) -> pa.Table:
    return pa.table({"decision": pa.array(["1", "0"]), "sex": pa.array([value, value], kind)})


TABLES: dict[str, pa.Table] = {
    "lists": nested(pa.list_(pa.string()), ["m"]),
    "structs": nested(pa.struct([("a", pa.string())]), {"a": "m"}),
    "maps": nested(pa.map_(pa.string(), pa.string()), [("a", "m")]),
    "bytes": nested(pa.binary(), b"\xff"),
    "lists of lists": nested(pa.list_(pa.list_(pa.int64())), [[1]]),
}


@pytest.mark.parametrize("case", TABLES)
def test_columns_that_hold_no_single_values_are_refused_and_left_out_of_a_description(case: str, read: Read) -> None:
    body = parquet(TABLES[case])
    code, told = read(body)
    assert code == REFUSED
    assert "not single values" in told["message"]
    code, told = read(body, "table")
    assert (code, told["left_out"]) == (ANSWERED, ["sex"])
    assert told["preview"] == [{"decision": "1"}, {"decision": "0"}]


def test_texts_and_moments_that_cannot_be_written_out_are_refused(read: Read) -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    late = pa.array([2**62], pa.timestamp("ms"))
    for column in (broken, late):
        body = parquet(pa.table({"decision": pa.array(["1"]), "sex": column}))
        for work in ("audit", "table"):
            assert read(body, work)[0] == REFUSED


def test_a_damaged_parquet_file_is_audited_or_refused(read: Read) -> None:
    body = parquet(pa.Table.from_pandas(decisions(300)))
    dice = random.Random(5)  # noqa: S311 - a test draws the same damage each time
    for _ in range(60):
        damaged = bytearray(body)
        # Damage to the footer that ends the whole process is for the test with a real worker.
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(4, len(body) - 3_000)] = dice.randrange(256)
        assert read(bytes(damaged))[0] in (ANSWERED, REFUSED)
    assert read(body[:-50] + b"PAR1")[0] == REFUSED
    assert read(b"PAR1" + b"\xff" * 20 + b"PAR1")[1]["code"] == "unreadable_table"
    assert read(b"PAR1")[0] == REFUSED


def test_an_answer_without_end_is_refused(read: Read, tmp_path: Path) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["decision", "sex"], *[[at % 2, f"group {at % 20}"] for at in range(400)]])
    (tmp_path / "table.csv").write_text(text.getvalue())
    asked = {"prediction": "decision", "sensitive": ["sex"], "minimum_group_size": 1}
    code, content = worker.outcome_of(Job("audit", tmp_path, "table.csv", asked, 0, 60, 5_000))
    assert (code, json.loads(content)["code"]) == (REFUSED, "answer_too_large")
    (tmp_path / "table.csv").write_text("a" * 3_000 + "\n1\n")
    code, content = worker.outcome_of(Job("table", tmp_path, "table.csv", {}, 0, 60, 5_000))
    assert (code, json.loads(content)["code"]) == (REFUSED, "answer_too_large")
    assert "fewer columns" in json.loads(content)["message"]
