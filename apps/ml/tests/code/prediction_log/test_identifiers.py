"""Names of predictions are UUIDs of version 7, ordered by time, never the same twice, and hold their call and row."""

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.prediction_log.identifiers import MOST_ROWS, call_and_row, new_call, prediction_ids

MILLISECONDS = st.integers(0, 2**48 - 1)


@given(MILLISECONDS)
def test_a_name_is_a_uuid_of_version_7_that_begins_with_its_instant(milliseconds: int) -> None:
    name = UUID(prediction_ids(new_call(milliseconds), 1)[0])

    assert name.version == 7
    assert name.variant == "specified in RFC 4122"
    assert name.int >> 80 == milliseconds


@given(st.integers(0, 2**48 - 2))
def test_names_are_ordered_by_time(milliseconds: int) -> None:
    assert new_call(milliseconds) < new_call(milliseconds + 1)


def test_ten_thousand_calls_of_one_millisecond_have_names_of_their_own() -> None:
    assert len({new_call(1) for _ in range(10_000)}) == 10_000


def test_the_instant_is_now() -> None:
    before = time.time_ns() // 1_000_000
    made = int.from_bytes(new_call(), "big") >> 80

    assert before <= made <= time.time_ns() // 1_000_000


@given(MILLISECONDS, st.integers(1, 300))
def test_a_name_leads_back_to_its_call_and_row(milliseconds: int, rows: int) -> None:
    call = new_call(milliseconds)
    names = prediction_ids(call, rows)

    assert [call_and_row(name) for name in names] == [(call, row) for row in range(rows)]
    assert names == sorted(set(names))
    assert all(str(UUID(name)) == name for name in names)


def test_a_call_holds_no_more_rows_than_its_name_can_count() -> None:
    assert len(prediction_ids(new_call(), MOST_ROWS)) == MOST_ROWS
    with pytest.raises(ValueError, match="at most 65536 rows"):
        prediction_ids(new_call(), MOST_ROWS + 1)


@pytest.mark.parametrize("text", ["", "no name", "9b2f1c9e-7d38-4b62-8f0e-0d4cfe3f1c11"])
def test_other_texts_are_no_names(text: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        call_and_row(text)
