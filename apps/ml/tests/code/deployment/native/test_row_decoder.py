"""The decoder of the plain case takes nothing that the thorough way refuses, and gives the same values."""

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.deployment.native.prediction import envelope_of
from apps.ml.deployment.native.row_decoder import RowDecoder
from apps.ml.deployment.requests.request_body import parse_json
from apps.ml.errors import RequestError
from apps.ml.features.request_frame import frame_from_records
from apps.ml.tests.code.deployment.conftest import COLUMNS

DECODER = RowDecoder(COLUMNS)
GOOD = {"age": 41, "monthly-income": 2850.5, "purpose": "car", "homeowner": True}
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    2,
    -1,
    0.0,
    1.0,
    0.5,
    41,
    41.0,
    1e300,
    10**30,
    -0.0,
    "car",
    "",
    "1",
    "ä",
    [],
    {},
    "\ud800",
]
ODD_TEXTS = ["NaN", "Infinity", "1e999", "-0", "01", "1.", '"a\\"b"', '"a\\u0041"', "1E2", "+1", "'x'", '"a" "b"']


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


def thorough(body: bytes) -> pd.DataFrame | None:
    """What the thorough way makes of a body; None where it refuses."""
    try:
        return frame_from_records(envelope_of(parse_json(body)).instances, COLUMNS)
    except RequestError:
        return None


def assert_agrees(body: bytes) -> None:
    plain, frame = DECODER.decode(body), thorough(body)
    if plain is None:
        return
    assert frame is not None, "the plain case takes what the thorough way refuses"
    assert len(plain.rows) == len(frame)
    for row, (_, typed) in zip(plain.rows, frame.iterrows(), strict=True):
        for column, value in zip(COLUMNS, row, strict=True):
            expected = typed[column.name]
            assert (value is None) == bool(pd.isna(expected))
            assert value is None or value == expected


values = st.one_of(st.sampled_from(ODD), st.integers(), st.floats(), st.text(max_size=4), st.booleans())
rows = st.fixed_dictionaries({}, optional={**{column.name: values for column in COLUMNS}, "other": values})


@given(
    st.lists(rows, max_size=3),
    st.dictionaries(st.sampled_from(["subject", "model", "explain", "x"]), values, max_size=2),
)
def test_what_is_taken_is_what_the_thorough_way_takes(instances: list[Any], beside: dict[str, Any]) -> None:
    assert_agrees(json.dumps({"instances": instances, **beside}).encode("utf-8", "replace"))


@pytest.mark.parametrize("text", ODD_TEXTS)
@pytest.mark.parametrize("column", [column.name for column in COLUMNS])
def test_odd_writing_of_a_value_is_not_taken_otherwise(column: str, text: str) -> None:
    parts = ", ".join(f"{as_json(name)}: {text if name == column else as_json(value)}" for name, value in GOOD.items())
    assert_agrees(f'{{"instances": [{{{parts}}}]}}'.encode())


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [%s], "instances": [%s]}',
        '{"instances": [{"age": 1, "age": 2, "monthly-income": 1, "purpose": "car", "homeowner": true}]}',
        '{"instances": [{"age": 1, "monthly-income": 1, "purpose": "car", "purpose": "car", "homeowner": true}]}',
        '{"instances": [%s], "subject": "a", "subject": "b"}',
        '{"instances": [%s], "subject": "a", "subject": null}',
        '{"instances": [%s], "model": "a", "subject": "b", "model": "c"}',
    ],
)
def test_a_key_twice_is_left_to_the_thorough_way(body: str) -> None:
    whole = body.replace("%s", json.dumps(GOOD)).encode()

    assert DECODER.decode(whole) is None
    assert thorough(whole) is None


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, True),
        ({"age": 41.0}, True),
        ({"monthly-income": None, "purpose": None}, True),
        ({"homeowner": 0}, True),
        ({"purpose": 'with "marks"'}, False),
        ({"age": 41.5}, False),
        ({"age": None}, False),
        ({"homeowner": 2}, False),
        ({"purpose": 3}, False),
    ],
)
def test_the_plain_case_is_taken_and_others_are_left(changed: dict[str, Any], taken: bool) -> None:
    body = json.dumps({"instances": [{**GOOD, **changed}]}).encode()

    assert (DECODER.decode(body) is not None) is taken


def test_columns_may_come_in_any_order_and_the_names_beside_them() -> None:
    turned = dict(reversed(GOOD.items()))
    request = DECODER.decode(json.dumps({"subject": "case 7", "instances": [turned], "model": "loans"}).encode())

    assert request is not None
    assert (request.model, request.subject) == ("loans", "case 7")
    assert request.rows == [(41.0, 2850.5, "car", True)]
