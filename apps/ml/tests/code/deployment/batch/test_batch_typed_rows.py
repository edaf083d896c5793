"""Columns of a file fit exactly where the same values would fit in a request, and become the same frame."""

import datetime as dt
import decimal
import math
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.batch.csv_lines import csv_header, csv_lines
from apps.ml.deployment.batch.text_values import numbers_of_texts
from apps.ml.deployment.batch.typed_rows import require_types, typed_rows
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.tables.csv_rows import frame_of_csv
from apps.ml.errors import DataError, RequestError
from apps.ml.features.request_frame import frame_from_records

COLUMNS = {
    "number": ColumnSchema("c", "numeric"),
    "needed number": ColumnSchema("c", "numeric", nullable=False),
    "whole number": ColumnSchema("c", "numeric", integer=True),
    "truth": ColumnSchema("c", "boolean"),
    "needed truth": ColumnSchema("c", "boolean", nullable=False),
    "text": ColumnSchema("c", "categorical"),
    "needed text": ColumnSchema("c", "categorical", nullable=False),
}
NUMBERS = [0.0, -0.0, 1.0, 0.5, 1e300, -3.0, 2.0**60, math.inf, -math.inf, None]
WHOLE = [0, 1, -7, 2**60 + 1, 2**63 - 1, None]
TEXTS = ["", "a", "ä€", "1", None]
TEXTS_OF_NUMBERS = {
    "1": 1.0,
    "+1.50": 1.5,
    ".5": 0.5,
    "5.": 5.0,
    "-0": -0.0,
    "1e3": 1000.0,
    "1E-2": 0.01,
    "0.1": 0.1,
    "1e999": math.inf,
    " 1": None,
    "1 ": None,
    "nan": None,
    "inf": None,
    "-Infinity": None,
    "0x10": None,
    "1_000": None,
    "1,5": None,
    "": None,
    "one": None,
    "１": None,
    "1\n": None,
}
"""Text → the number that it is, None where it is none."""


def by_records(values: list[Any], column: ColumnSchema) -> tuple[pd.DataFrame, list[bool]]:
    """The oracle: every value alone through the server's own check, and those that fit as one frame."""
    fits = []
    for value in values:
        try:
            frame_from_records([{"c": value}], [column])
            fits.append(True)
        except RequestError:
            fits.append(False)
    good = [{"c": value} for value, fit in zip(values, fits, strict=True) if fit]
    return frame_from_records(good, [column]), fits


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (NUMBERS, pa.float64()),
        (WHOLE, pa.int64()),
        ([0, 1, 255, None], pa.uint8()),
        ([0.5, 2.0, 1.0, None], pa.float32()),
        ([True, False, None], pa.bool_()),
        (TEXTS, pa.string()),
        (TEXTS, pa.large_string()),
        (TEXTS, pa.string_view()),
        (TEXTS, pa.dictionary(pa.int8(), pa.string())),
        ([None, None], pa.null()),
    ],
)
def test_typed_columns_fit_where_records_fit(name: str, values: list[Any], kind: Any) -> None:
    column, table = COLUMNS[name], pa.table({"c": pa.array(values, kind)})
    expected, fits = by_records(values, column)
    if not any(fit for fit, value in zip(fits, values, strict=True) if value is not None) and kind != pa.null():
        with pytest.raises(DataError, match=r"column 'c': holds"):
            require_types(table.schema, [column], "the file")
        return
    require_types(table.schema, [column], "the file")
    found = typed_rows(table, [column], as_text=False)
    assert found.fits.tolist() == fits
    pd.testing.assert_frame_equal(found.frame, expected, check_exact=True)


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us"), pa.list_(pa.int8()), pa.binary()])
@pytest.mark.parametrize("name", ["number", "truth", "text"])
def test_columns_of_other_things_are_refused_before_a_row_is_read(name: str, kind: Any) -> None:
    with pytest.raises(DataError, match=r"column 'c': holds"):
        require_types(pa.schema([("c", kind)]), [COLUMNS[name]], "the file")


def test_decimals_are_numbers_and_dictionaries_of_numbers_too() -> None:
    table = pa.table({"c": pa.array([decimal.Decimal("1.25"), None])})
    assert typed_rows(table, [COLUMNS["number"]], as_text=False).frame["c"].tolist()[0] == 1.25
    coded = pa.table({"c": pa.array([3, None, 3]).dictionary_encode()})
    require_types(coded.schema, [COLUMNS["number"]], "the file")
    assert typed_rows(coded, [COLUMNS["number"]], as_text=False).frame["c"].tolist()[::2] == [3.0, 3.0]


def test_a_number_that_is_none_is_missing() -> None:
    table = pa.table({"c": pa.array([1.0, math.nan])})
    assert typed_rows(table, [COLUMNS["number"]], as_text=False).frame["c"].isna().tolist() == [False, True]
    assert typed_rows(table, [COLUMNS["needed number"]], as_text=False).misfits[0].code == "null"


@pytest.mark.parametrize("alone", [True, False])
def test_texts_are_numbers_where_they_are_decimal(alone: bool) -> None:
    """Among others a text goes another way than alone: one that is no number makes the whole column be looked at."""
    groups = [[text] for text in TEXTS_OF_NUMBERS] if alone else [list(TEXTS_OF_NUMBERS)]
    for texts in groups:
        numbers, unread = numbers_of_texts(pa.chunked_array([texts]))
        for text, number, is_unread in zip(texts, numbers.tolist(), unread.tolist(), strict=True):
            expected = TEXTS_OF_NUMBERS[text]
            assert is_unread == (expected is None), text
            assert math.isnan(number) if expected is None else number == expected, text


@pytest.mark.parametrize("name", ["number", "needed number", "whole number"])
def test_texts_fit_where_their_numbers_fit(name: str) -> None:
    texts = [*(text for text, number in TEXTS_OF_NUMBERS.items() if number is not None), "0.25"]
    expected, fits = by_records([float(text) for text in texts], COLUMNS[name])
    found = typed_rows(pa.table({"c": pa.chunked_array([texts])}), [COLUMNS[name]], as_text=True)
    assert found.fits.tolist() == fits
    pd.testing.assert_frame_equal(found.frame, expected, check_exact=True)


def test_truth_values_are_words_in_any_case_or_one_and_nought() -> None:
    texts = ["true", "False", "TRUE", "1", "0", "1.0", "0e0", None, "2", "yes", "t", " true", "nan"]
    found = typed_rows(pa.table({"c": pa.chunked_array([texts])}), [COLUMNS["truth"]], as_text=True)
    assert found.fits.tolist() == [True] * 8 + [False] * 5
    assert found.frame["c"].tolist()[:7] == [1, 0, 1, 1, 0, 1, 0]
    assert math.isnan(found.frame["c"].tolist()[7])


def test_a_row_with_several_misfits_is_counted_under_each() -> None:
    columns = [ColumnSchema("a", "numeric", integer=True), ColumnSchema("b", "categorical", nullable=False)]
    table = pa.table({"a": pa.array([1.0, 1.5, 2.5]), "b": pa.array(["x", None, "y"])})
    found = typed_rows(table, columns, as_text=False)
    assert [(misfit.column, misfit.code, misfit.at.tolist()) for misfit in found.misfits] == [
        ("a", "not_whole", [1, 2]),
        ("b", "null", [1]),
    ]
    assert len(found.frame) == 1
    assert list(found.frame.index) == [0]


def test_lines_of_a_csv_file_hold_shortest_numbers_and_as_few_quotation_marks_as_can_be() -> None:
    table = pa.table(
        {
            "text, with a comma": pa.array(["a", "", None, 'q"q', "two\nlines", "é,"]),
            "number": pa.array([0.1, 1 / 3, None, 49.0, 1e300, 5e-324]),
            "date": pa.array([dt.date(2024, 5, 31)] + [None] * 5),
            "truth": pa.array([True, False, None, True, True, True]),
        }
    )
    assert csv_header(table.schema) == b'"text, with a comma",number,date,truth\n'
    assert csv_lines(table).decode() == (
        'a,0.1,2024-05-31,true\n"",0.3333333333333333,,false\n,,,\n"q""q",49,,true\n"two\nlines",1e+300,,true\n'
        '"é,",5e-324,,true\n'
    )
    assert csv_lines(table.slice(3, 1)) == b'"q""q",49,,true\n'
    assert csv_lines(table.slice(0, 0)) == b""


CELLS = [*TEXTS_OF_NUMBERS, "true", "FALSE", "tRuE", " true", "yes", "2", "0.0", "1e0", "-1", "ä", "01", "1.e-2", "𝟏"]


def codes_in_a_request(cell: str, column: ColumnSchema) -> list[str]:
    try:
        frame_of_csv(f'c\n"{cell}"\n'.encode(), [column], Limits())
    except RequestError as refused:
        return [finding.code for finding in refused.findings]
    return []


@pytest.mark.parametrize("name", COLUMNS)
def test_a_cell_fits_in_a_file_where_it_fits_in_a_request(name: str) -> None:
    column = COLUMNS[name]
    for cell in CELLS:
        table = pa.table({"c": pa.chunked_array([pa.array([cell or None], pa.string())])})
        in_file = typed_rows(table, [column], as_text=True)
        assert [misfit.code for misfit in in_file.misfits] == codes_in_a_request(cell, column), cell
        if not in_file.misfits:
            in_request = frame_of_csv(f'c\n"{cell}"\n'.encode(), [column], Limits())
            pd.testing.assert_frame_equal(in_file.frame, in_request, check_exact=True)
