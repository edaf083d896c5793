"""The row model and the request frame accept exactly the same rows."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.native.request_schema import (
    MOST_MISFITS,
    Envelope,
    envelope_misfits,
    expectation,
    row_misfits,
    row_model,
    type_name,
    with_few_unknown,
)
from apps.ml.deployment.requests.limits import Limits
from apps.ml.errors import RequestError
from apps.ml.features.request_frame import frame_from_records

COLUMNS = (
    ColumnSchema("whole", "numeric", integer=True, nullable=False),
    ColumnSchema("number", "numeric", nullable=True),
    ColumnSchema("class", "categorical", nullable=False),
    ColumnSchema("yes-or-no", "boolean", nullable=True),
)
GOOD = {"whole": 1, "number": 0.5, "class": "a", "yes-or-no": True}
JSON_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.just(10**400)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1)
)
CHANGES = st.dictionaries(st.sampled_from([*GOOD, "extra"]), JSON_VALUES, max_size=2)
DROPPED = st.sets(st.sampled_from(list(GOOD)), max_size=1)


def fits_row_model(row: dict[str, Any]) -> bool:
    return not row_misfits([row], row_model(COLUMNS), COLUMNS, Limits())


def fits_frame(row: dict[str, Any]) -> bool:
    try:
        frame_from_records([row], COLUMNS)
    except RequestError:
        return False
    return True


@settings(max_examples=50, deadline=None)
@given(CHANGES, DROPPED)
def test_both_checks_accept_the_same_rows(changes: dict[str, Any], dropped: set[str]) -> None:
    row = {name: value for name, value in {**GOOD, **changes}.items() if name not in dropped}
    assert fits_row_model(row) == fits_frame(row)


@pytest.mark.parametrize("name", list(GOOD))
@pytest.mark.parametrize(
    "value", [None, True, False, 0, 1, 2, -1.0, 0.5, math.inf, -math.inf, 10**400, "", "1", "true", [], {}]
)
def test_both_checks_agree_on_every_kind_of_value_in_every_column(name: str, value: Any) -> None:
    row = {**GOOD, name: value}
    assert fits_row_model(row) == fits_frame(row)


def test_the_good_row_is_good() -> None:
    assert fits_row_model(GOOD)
    assert fits_frame(GOOD)


def test_the_schema_names_exactly_the_columns_whatever_their_characters() -> None:
    schema = row_model(COLUMNS).model_json_schema()
    assert list(schema["properties"]) == list(GOOD) == schema["required"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("column", "json_type", "words"),
    [
        (COLUMNS[0], "integer", "a whole number"),
        (COLUMNS[1], "number", "a finite number or null"),
        (COLUMNS[2], "string", "text"),
        (COLUMNS[3], "boolean", "true, false, 1 or 0 or null"),
    ],
)
def test_each_kind_of_column_has_a_type_and_words(column: ColumnSchema, json_type: str, words: str) -> None:
    assert (type_name(column), expectation(column)) == (json_type, words)


def test_of_unknown_keys_no_more_are_looked_at_than_are_told() -> None:
    content = {f"unknown {number}": 1 for number in range(9)} | GOOD
    assert with_few_unknown(content, GOOD, 9) is content
    assert with_few_unknown(content, GOOD, 2) == {"unknown 0": 1, "unknown 1": 1} | GOOD


def test_a_row_of_very_many_unknown_columns_gives_the_same_findings_as_all_of_them() -> None:
    row = {f"k{number}": 1 for number in range(50)}
    found = row_misfits([row], row_model(COLUMNS), COLUMNS, Limits(findings=5))
    assert [misfit.column for misfit in found] == [*GOOD, "k0"]


def test_misfits_beside_the_rows_are_told_up_to_a_bound() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden") as caught:
        Envelope.model_validate({"instances": [GOOD]} | {f"k{number}": 1 for number in range(MOST_MISFITS + 50)})
    assert len(envelope_misfits(caught.value)) == MOST_MISFITS
