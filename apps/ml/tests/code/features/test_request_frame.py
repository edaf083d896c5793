"""Records of a request: what fits becomes a typed frame, what does not is found and named."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from apps.ml.data.processed import ColumnSchema
from apps.ml.errors import Finding, RequestError
from apps.ml.features.request_frame import frame_from_records
from apps.ml.tests.code.features.people import COLUMNS, people, transformer

AGE = ColumnSchema("age", "numeric", integer=True, nullable=False)
INCOME = ColumnSchema("income", "numeric")
PURPOSE = ColumnSchema("purpose", "categorical", categories=("car", "house"))
HOME = ColumnSchema("owns_home", "boolean")
FITTING = {"age": 31, "income": 1200.5, "purpose": "car", "owns_home": True}
ALL = (AGE, INCOME, PURPOSE, HOME)


def refused(records: Any, columns: Any = ALL) -> RequestError:
    with pytest.raises(RequestError, match="the request does not fit the model") as caught:
        frame_from_records(records, columns)
    return caught.value


def codes(error: RequestError) -> list[tuple[str, str | None, int | None]]:
    return [(finding.code, finding.column, finding.rows) for finding in error.findings]


def test_a_fitting_record_becomes_one_typed_row() -> None:
    frame = frame_from_records([dict(reversed(FITTING.items()))], ALL)
    expected = pd.DataFrame(
        {"age": [31.0], "income": [1200.5], "purpose": pd.Series(["car"], dtype="str"), "owns_home": [1.0]}
    )
    assert_frame_equal(frame, expected)


def test_null_is_missing_where_a_column_may_be_missing() -> None:
    frame = frame_from_records([{"age": 31, "income": None, "purpose": None, "owns_home": None}], ALL)
    assert frame.isna().iloc[0].tolist() == [False, True, True, True]
    assert frame.dtypes.astype(str).tolist() == ["float64", "float64", "str", "float64"]


def test_a_category_that_nobody_has_seen_is_no_misfit() -> None:
    assert frame_from_records([{**FITTING, "purpose": "boat"}], ALL)["purpose"].tolist() == ["boat"]


def test_no_records_give_an_empty_frame_with_the_right_types() -> None:
    frame = frame_from_records([], ALL)
    assert frame.shape == (0, 4)
    assert frame.dtypes.astype(str).tolist() == ["float64", "float64", "str", "float64"]


@pytest.mark.parametrize(("value", "expected"), [(31, 31.0), (31.0, 31.0), (2**70, 2.0**70), (np.int64(3), 3.0)])
def test_whole_numbers_are_taken_in_any_form(value: Any, expected: float) -> None:
    assert frame_from_records([{"age": value}], (AGE,))["age"].tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "expected"), [(True, 1.0), (False, 0.0), (1, 1.0), (0.0, 0.0), (np.True_, 1.0), (np.float64(1), 1.0)]
)
def test_truth_values_are_true_false_one_and_zero(value: Any, expected: float) -> None:
    assert frame_from_records([{"owns_home": value}], (HOME,))["owns_home"].tolist() == [expected]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        (AGE, "31", "wrong_type"),
        (AGE, True, "wrong_type"),
        (AGE, [31], "wrong_type"),
        (AGE, {"value": 31}, "wrong_type"),
        (AGE, 31.5, "not_whole"),
        (AGE, None, "null"),
        (AGE, math.inf, "not_finite"),
        (INCOME, -math.inf, "not_finite"),
        (INCOME, math.nan, "not_finite"),
        (INCOME, 10**400, "out_of_range"),
        (PURPOSE, 3, "wrong_type"),
        (PURPOSE, False, "wrong_type"),
        (PURPOSE, math.nan, "wrong_type"),
        (PURPOSE, "\ud800", "not_unicode"),
        (HOME, 2, "wrong_type"),
        (HOME, 0.5, "wrong_type"),
        (HOME, math.nan, "wrong_type"),
        (HOME, "true", "wrong_type"),
    ],
)
def test_a_misfit_is_named_by_column_and_kind_even_among_many_fitting_rows(
    column: ColumnSchema, value: Any, code: str
) -> None:
    fitting = {column.name: FITTING[column.name]}
    assert codes(refused([{column.name: value}], (column,))) == [(code, column.name, 1)]
    error = refused([fitting] * 50 + [{column.name: value}], (column,))
    assert codes(error) == [(code, column.name, 1)]
    assert "in record 50" in str(error)


def test_all_misfits_are_found_at_once() -> None:
    error = refused([{**FITTING, "age": "x", "shoe": 43}, {"age": 3.5, "income": 1, "owns_home": None}])
    assert codes(error) == [
        ("unknown_column", "shoe", 1),
        ("wrong_type", "age", 1),
        ("not_whole", "age", 1),
        ("missing_column", "purpose", 1),
    ]


def test_a_misspelt_column_is_answered_with_the_nearest_name() -> None:
    error = refused([{**FITTING, "incme": 3}])
    assert "did you mean 'income'" in str(error)


def test_absent_is_not_the_same_as_null() -> None:
    assert codes(refused([{"age": 31}], (AGE, INCOME))) == [("missing_column", "income", 1)]


@pytest.mark.parametrize("record", [[1, 2], "age", None, 3])
def test_a_record_that_is_no_object_is_refused(record: Any) -> None:
    assert codes(refused([FITTING, record])) == [("record_type", None, 1)]


def test_a_thousand_unknown_columns_give_a_short_answer() -> None:
    error = refused([{**FITTING, **{f"extra {number} {'x' * 500}": 1 for number in range(1000)}}])
    assert len(error.findings) == 11
    assert "990 more" in str(error)
    assert len(str(error)) < 4000


def test_names_that_are_no_text_or_half_a_character_are_answered_with_valid_text() -> None:
    error = refused([{**FITTING, 3: 1, "\ud800": 2}])
    assert [finding.column for finding in error.findings] == ["3", "?"]
    str(error).encode()


def test_answers_never_repeat_a_value() -> None:
    error = refused([{"age": "secret", "income": "secret", "purpose": 424242, "owns_home": "secret"}])
    assert "secret" not in str(error)
    assert "424242" not in str(error)


def test_records_are_left_as_they_were() -> None:
    record = dict(FITTING)
    frame_from_records([record], ALL)
    assert record == FITTING


def test_records_of_a_processed_frame_give_that_frame_back_and_the_same_encoding() -> None:
    frame = people(200)
    records = json.loads(frame.to_json(orient="records", double_precision=15))
    again = frame_from_records(records, COLUMNS)
    assert_frame_equal(again, frame)
    fitted = transformer().fit(frame)
    assert fitted.transform(again).tobytes() == fitted.transform(frame).tobytes()


JSON_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from([*FITTING, "other"]), JSON_VALUES), max_size=6))
def test_any_records_give_a_typed_frame_or_findings(records: Any) -> None:
    frame, findings = frame_or_findings(records)
    assert (frame is None) == bool(findings)
    if frame is not None:
        assert frame.shape == (len(records), 4)
        assert frame.dtypes.astype(str).tolist() == ["float64", "float64", "str", "float64"]
        assert not np.isinf(frame[["age", "income", "owns_home"]].to_numpy()).any()


def frame_or_findings(records: Any) -> tuple[pd.DataFrame | None, tuple[Finding, ...]]:
    try:
        return frame_from_records(records, ALL), ()
    except RequestError as error:
        return None, error.findings
