"""Names of predictions."""

import time
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.deployment.identifiers import prediction_id

LAST_MILLISECOND = 2**48 - 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, LAST_MILLISECOND))
def test_an_identifier_is_a_uuid_of_version_7_that_holds_its_time(milliseconds: int) -> None:
    identifier = UUID(prediction_id(milliseconds))
    assert (identifier.version, identifier.variant) == (7, "specified in RFC 4122")
    assert identifier.int >> 80 == milliseconds


@settings(max_examples=50, deadline=None)
@given(st.integers(0, LAST_MILLISECOND - 1))
def test_a_later_identifier_sorts_after_an_earlier_one(milliseconds: int) -> None:
    assert prediction_id(milliseconds) < prediction_id(milliseconds + 1)


def test_identifiers_of_the_same_millisecond_differ() -> None:
    assert len({prediction_id(1) for _ in range(10_000)}) == 10_000


def test_an_identifier_without_a_given_time_is_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(prediction_id()).int >> 80
    assert before <= made <= time.time_ns() // 1_000_000
