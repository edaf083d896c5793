"""What a file holds: rows, columns with their types, the first rows; over all rows, part by part."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.ml.errors import DataError
from apps.ml.evaluation.audit import csv_chunks
from apps.ml.evidence_service.audits.column_types import LONGEST_SHOWN, WrittenColumn
from apps.ml.evidence_service.audits.described_table import MOST_COLUMNS, describe_table
from apps.ml.evidence_service.audits.query import TableQuery
from apps.ml.tests.audited_files import decisions, written
from apps.ml.tests.code.evidence_service.audits.served_audits import CSV, PARQUET, Served


def described(path: Path, text: str, **query: Any) -> dict[str, Any]:
    path.write_text(text, encoding="utf-8")
    return describe_table(path, TableQuery(**query))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", "+3", "0", ""], "integer"),
        (["1", "2.5", "1e3", ".5", "3."], "number"),
        (["123456789012345678901234567890"], "number"),
        (["true", "False", "NA"], "boolean"),
        (["true", "1"], "string"),
        (["1", "true"], "string"),
        (["01067", "10115"], "string"),
        (["1", "x"], "string"),
        (["inf"], "string"),
        (["1e999"], "string"),
        (["", "NA", " "], "string"),
        ([" 1 ", "\t2"], "integer"),
        (["1_000"], "string"),
        (["٣"], "string"),
        (["."], "string"),
    ],
)
def test_a_column_is_what_all_its_values_are(values: list[str], expected: str) -> None:
    column = WrittenColumn("c", ("NA",))
    column.look(pa.array(values))
    assert column.type == expected
    one_by_one = WrittenColumn("c", ("NA",))
    for value in values:
        one_by_one.look(pa.array([value]))
    assert one_by_one.type == expected


def test_a_preview_shows_values_of_their_type(tmp_path: Path) -> None:
    text = "\ufeffid;Name;share;yes;code\n" + "".join(f"{at};a {at};{at}.5;TRUE;0{at}\n" for at in range(9))
    told = described(tmp_path / "t.csv", text + "9;;;;\n")
    assert told["rows"] == 10
    assert {column["name"]: column["type"] for column in told["columns"]} == {
        "id": "integer",
        "Name": "string",
        "share": "number",
        "yes": "boolean",
        "code": "string",
    }
    assert told["preview"][1] == {"id": 1, "Name": "a 1", "share": 1.5, "yes": True, "code": "01"}
    assert len(told["preview"]) == 5
    assert described(tmp_path / "t.csv", "a\nx\nnone\n", missing=["none"])["preview"] == [{"a": "x"}, {"a": None}]
    assert described(tmp_path / "t.csv", "a#b\n1#2\n", separator="#")["preview"] == [{"a": 1, "b": 2}]
    (shown,) = described(tmp_path / "t.csv", f"a\n{'x' * 1_000}\n")["preview"]
    assert len(shown["a"]) == LONGEST_SHOWN + 1


def test_rows_of_every_part_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_chunks, "BLOCK_BYTES", 1_000)
    told = described(tmp_path / "t.csv", "a,b\n" + "1,1\n" * 5_000 + "x,2\n")
    assert told["rows"] == 5_001
    assert [column["type"] for column in told["columns"]] == ["string", "integer"]
    assert told["preview"][0] == {"a": "1", "b": 1}


def test_types_of_parquet_are_those_it_declares(tmp_path: Path) -> None:
    table = pa.table(
        {
            "small": pa.array([1, None], pa.uint8()),
            "share": pa.array([float("nan"), float("inf")], pa.float32()),
            "price": pa.array([Decimal("1.50"), None]),
            "yes": pa.array([True, None]),
            "word": pa.array(["a", None]).dictionary_encode(),
            "day": pa.array([date(2026, 11, 21), None]),
            "nothing": pa.nulls(2),
            "many": pa.array([[1], None]),
            "raw": pa.array([b"a", None]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    told = describe_table(tmp_path / "t.parquet", TableQuery())
    types = {column["name"]: column["type"] for column in told["columns"]}
    assert types == {
        "small": "integer",
        "share": "number",
        "price": "number",
        "yes": "boolean",
        "word": "string",
        "day": "string",
        "nothing": "string",
    }
    assert told["left_out"] == ["many", "raw"]
    assert told["preview"][0] == {
        "small": 1, "share": None, "price": 1.5, "yes": True, "word": "a", "day": "2026-11-21", "nothing": None,
    }  # fmt: skip
    assert told["preview"][1]["share"] == "inf"


def test_a_table_that_cannot_be_described_is_refused(tmp_path: Path) -> None:
    wide = ",".join(f"c{at}" for at in range(MOST_COLUMNS + 1))
    for text, message in (
        ("a,b,a\n1,2,3\n", "more than one column named 'a'"),
        (f"{wide}\n{wide}\n", "2,001 columns, more than the 2,000"),
        ("a\n", "no rows"),
        ("a,b\n1\n", "wrong number of fields"),
    ):
        with pytest.raises(DataError, match=message):
            described(tmp_path / "t.csv", text)
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="no rows"):
        describe_table(tmp_path / "t.parquet", TableQuery())


def test_the_description_over_http_is_that_of_pandas(service: Served, tmp_path: Path) -> None:
    frame = decisions(7_000)
    for name, headers in (("t.csv", CSV), ("t.parquet", PARQUET)):
        body = written(tmp_path / name, frame).read_bytes()
        told = service.client.post("/v1/tables", content=body, headers=headers).json()
        assert told["rows"] == len(frame)
        kinds = {column["name"]: column["type"] for column in told["columns"]}
        assert kinds == {name: kind_of(frame[name]) for name in frame}
        assert told["preview"] == frame.head(5).to_dict("records")
    assert service.stored() == []


def kind_of(column: "pd.Series[Any]") -> str:
    if np.issubdtype(column.to_numpy().dtype, np.integer):
        return "integer"
    return "number" if np.issubdtype(column.to_numpy().dtype, np.floating) else "string"
