"""CSV, Parquet and Arrow bodies make the frame that the same rows make as JSON records, bit for bit."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.tables.table_bodies import frame_of_body, is_table
from apps.ml.errors import RequestError
from apps.ml.features.request_frame import frame_from_records
from apps.ml.tests.code.deployment.conftest import COLUMNS, as_instances, loan_rows
from apps.ml.tests.code.deployment.tables.written_tables import (
    CSV,
    FILE,
    PARQUET,
    STREAM,
    arrow,
    bodies,
    parquet,
    typed,
    with_column,
)

LIMITS = Limits(instances=60, body_bytes=50_000)
ROWS = loan_rows(50, seed=11)[0]
EXPECTED = frame_from_records(as_instances(ROWS), COLUMNS)
TABLE = typed(ROWS)


def read(content_type: str, body: bytes) -> pd.DataFrame:
    return frame_of_body(content_type, body, COLUMNS, LIMITS)


def assert_same(content_type: str, body: bytes) -> None:
    pd.testing.assert_frame_equal(read(content_type, body), EXPECTED, check_exact=True)


def codes(refused: RequestError) -> list[tuple[str, str | None]]:
    return [(finding.code, finding.column) for finding in refused.findings]


WRITTEN: dict[str, tuple[str, bytes]] = {
    "CSV": (CSV, ROWS.to_csv(index=False).encode()),
    "CSV in another order": (CSV, TABLE.to_pandas()[list(reversed(ROWS.columns))].to_csv(index=False).encode()),
    "CSV of Windows": ("text/csv; charset=UTF-8; header=present", ROWS.to_csv(index=False).encode("utf-8-sig")),
    "CSV with empty lines": (CSV, ROWS.to_csv(index=False, lineterminator="\r\n\r\n").encode()),
    "Parquet": (PARQUET, parquet(TABLE)),
    "Parquet under its other name": ("application/x-parquet", parquet(TABLE)),
    "Parquet with zstd": (PARQUET, parquet(TABLE, compression="zstd")),
    "Parquet with gzip": (PARQUET, parquet(TABLE, compression="gzip")),
    "Parquet uncompressed": (PARQUET, parquet(TABLE, compression="none")),
    "Parquet without dictionaries": (PARQUET, parquet(TABLE, use_dictionary=False)),
    "Parquet with pages of version 2": (PARQUET, parquet(TABLE, data_page_version="2.0")),
    "Parquet of several row groups": (PARQUET, parquet(TABLE, row_group_size=7)),
    "Parquet with an index": (PARQUET, parquet(pa.Table.from_pandas(TABLE.to_pandas().set_index(pd.Index([7] * 50))))),
    "Arrow stream": (STREAM, arrow(TABLE)),
    "Arrow file": (FILE, arrow(TABLE, FILE)),
    "Arrow stream with lz4": (STREAM, arrow(TABLE, compression="lz4")),
    "Arrow file with zstd": (FILE, arrow(TABLE, FILE, compression="zstd")),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_table_makes_the_frame_that_records_make(written: str) -> None:
    assert_same(*WRITTEN[written])


AGES = [pa.int8(), pa.uint8(), pa.int32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64()]
TEXTS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]


@pytest.mark.parametrize("data_type", AGES, ids=str)
def test_a_number_may_have_any_type_of_numbers(data_type: pa.DataType) -> None:
    for content_type, body in bodies(with_column(TABLE, "age", TABLE["age"].cast(data_type))):
        assert_same(content_type, body)


@pytest.mark.parametrize("data_type", TEXTS, ids=str)
def test_a_category_may_have_any_type_of_texts(data_type: pa.DataType) -> None:
    for content_type, body in bodies(with_column(TABLE, "purpose", TABLE["purpose"].cast(data_type))):
        assert_same(content_type, body)


def test_numbers_may_be_coded_and_truth_values_numbers() -> None:
    coded = with_column(TABLE, "age", TABLE["age"].dictionary_encode())
    counted = with_column(coded, "homeowner", TABLE["homeowner"].cast(pa.int8()))
    for content_type, body in bodies(counted):
        assert_same(content_type, body)


def test_nan_and_null_are_the_same_missing_number() -> None:
    values = ROWS["monthly-income"].to_numpy()
    with_nan = with_column(TABLE, "monthly-income", pa.array(values, from_pandas=False))
    with_null = with_column(TABLE, "monthly-income", pa.array(values, from_pandas=True))
    for table in (with_nan, with_null):
        for content_type, body in bodies(table):
            assert_same(content_type, body)


def test_a_column_of_nothing_is_missing_in_every_row() -> None:
    nothing = with_column(TABLE, "purpose", pa.nulls(50))
    for content_type, body in bodies(nothing):
        assert read(content_type, body)["purpose"].isna().all()


def test_whole_numbers_beyond_exact_floats_are_rounded_as_python_rounds_them() -> None:
    large = [2**53 + 1, 2**62 + 3, -(2**63)]
    table = with_column(TABLE.slice(0, 3), "age", pa.array(large, pa.int64()))
    assert read(STREAM, arrow(table))["age"].tolist() == [float(value) for value in large]


MISFITS: dict[str, tuple[pa.Table, list[tuple[str, str | None]]]] = {
    "text for a number": (with_column(TABLE, "age", TABLE["age"].cast(pa.string())), [("wrong_type", "age")]),
    "a number for a category": (with_column(TABLE, "purpose", TABLE["age"]), [("wrong_type", "purpose")]),
    "a truth value for a number": (with_column(TABLE, "age", TABLE["homeowner"]), [("wrong_type", "age")]),
    "a decimal for a number": (with_column(TABLE, "age", TABLE["age"].cast(pa.decimal128(9))), [("wrong_type", "age")]),
    "moments for a number": (with_column(TABLE, "age", pa.array([0] * 50, pa.timestamp("s"))), [("wrong_type", "age")]),
    "lists for a category": (with_column(TABLE, "purpose", pa.array([["a"]] * 50)), [("wrong_type", "purpose")]),
    "other numbers for truth values": (with_column(TABLE, "homeowner", TABLE["age"]), [("wrong_type", "homeowner")]),
    "an infinite number": (
        with_column(TABLE, "monthly-income", pa.array([np.inf] * 50)),
        [("not_finite", "monthly-income")],
    ),
    "half a year": (with_column(TABLE, "age", pa.array([0.5] * 50)), [("not_whole", "age")]),
    "a missing number": (with_column(TABLE, "age", pa.array([None] * 50, pa.int8())), [("null", "age")]),
    "nothing where something is needed": (with_column(TABLE, "age", pa.nulls(50)), [("null", "age")]),
    "a missing column": (TABLE.drop(["purpose"]), [("missing_column", "purpose")]),
    "a column too many": (TABLE.append_column("shoe-size", TABLE["age"]), [("unknown_column", "shoe-size")]),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_found_by_column(case: str) -> None:
    table, expected = MISFITS[case]
    for content_type, body in bodies(table):
        with pytest.raises(RequestError, match="does not fit the model") as refused:
            read(content_type, body)
        assert codes(refused.value) == expected


CSV_MISFITS = {
    "40,1,car,yes": [("wrong_type", "homeowner")],
    "NaN,1,car,1": [("wrong_type", "age")],
    "0x20,1,car,1": [("wrong_type", "age")],
    "4_0,1,car,1": [("wrong_type", "age")],
    " 40,1,car,1": [("wrong_type", "age")],
    "٤٠,1,car,1": [("wrong_type", "age")],
    "40,1e999,car,1": [("not_finite", "monthly-income")],
    "40.5,1,car,1": [("not_whole", "age")],
    ",1,car,1": [("null", "age")],
    "true,1,car,2": [("wrong_type", "age"), ("wrong_type", "homeowner")],
}


@pytest.mark.parametrize("line", CSV_MISFITS)
def test_text_that_is_not_what_its_column_holds_does_not_fit(line: str) -> None:
    with pytest.raises(RequestError, match="does not fit the model") as refused:
        read(CSV, f"{','.join(ROWS.columns)}\n{line}\n".encode())
    assert codes(refused.value) == CSV_MISFITS[line]


def test_a_cell_is_read_as_its_column_says() -> None:
    lines = ["40.0,0.1,007,TRUE", "4e1,,true,0", '+40,-.5,"a ""boat"", two",False', "40,1.,,1.0"]
    frame = read(CSV, "\n".join([",".join(ROWS.columns), *lines]).encode())
    assert frame["age"].tolist() == [40.0] * 4
    assert frame["monthly-income"].fillna(-1).tolist() == [0.1, -1.0, -0.5, 1.0]
    assert frame["purpose"].tolist()[:3] == ["007", "true", 'a "boat", two']
    assert frame["purpose"].isna().tolist() == [False, False, False, True]
    assert frame["homeowner"].tolist() == [1.0, 0.0, 0.0, 1.0]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_every_number_comes_through_csv_unchanged(numbers: list[float]) -> None:
    columns = (ColumnSchema("x", "numeric"),)
    body = "x\n" + "\n".join(repr(number) for number in numbers)
    assert frame_of_body(CSV, body.encode(), columns, LIMITS)["x"].tolist() == numbers


REFUSED: dict[str, tuple[str, bytes, int]] = {
    "another content type": ("text/html", b"x", 415),
    "another charset": ("text/csv; charset=latin-1", b"age\n1\n", 415),
    "a CSV without header": ("text/csv; header=absent", b"1\n", 415),
    "CSV that is not UTF-8": (CSV, b"age\n\xff\n", 400),
    "CSV with a broken quote": (CSV, b'age\n"1\n', 400),
    "CSV with a short line": (CSV, b"age,purpose\n1\n", 400),
    "CSV with a name twice": (CSV, b"age,age\n1,2\n", 400),
    "CSV of a header alone": (CSV, b"age,purpose\n", 422),
    "CSV of too many rows": (CSV, b"age\n" + b"1\n" * 61, 413),
    "Parquet of nothing": (PARQUET, parquet(TABLE.slice(0, 0)), 422),
    "Parquet of too many rows": (PARQUET, parquet(pa.concat_tables([TABLE, TABLE])), 413),
    "a stream of too many rows": (STREAM, arrow(pa.concat_tables([TABLE, TABLE])), 413),
    "a stream of nothing": (STREAM, arrow(TABLE.slice(0, 0)), 422),
    "Parquet called Arrow": (STREAM, parquet(TABLE), 400),
    "a stream called a file": (FILE, arrow(TABLE), 400),
    "half a Parquet": (PARQUET, parquet(TABLE)[:-100], 400),
    "half a stream": (STREAM, arrow(TABLE)[:-100], 400),
    "two columns of one name": (STREAM, arrow(TABLE.rename_columns(["age", "age", "purpose", "homeowner"])), 400),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused(case: str) -> None:
    content_type, body, status = REFUSED[case]
    with pytest.raises(RefusalError) as refused:
        read(content_type, body)
    assert refused.value.status == status
    assert str(refused.value).endswith(".")


def test_a_table_is_told_by_its_content_type() -> None:
    assert [is_table(name) for name in ("Text/CSV; charset=utf-8", PARQUET, "application/json", "")] == [
        True,
        True,
        False,
        False,
    ]


SOUND = [body for body in WRITTEN.values() if body[0] != CSV]


@settings(max_examples=300)
@given(st.data())
def test_damaged_tables_are_refused_or_read_and_never_fail(data: st.DataObject) -> None:
    content_type, sound = data.draw(st.sampled_from(SOUND))
    body = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        change: Any = data.draw(st.sampled_from([b"", b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xff" * 8]))
        body[place : place + max(len(change), 1)] = change
    try:
        frame = read(content_type, bytes(body))
    except RequestError:
        return
    assert list(frame.columns) == [column.name for column in COLUMNS]
