"""Buckets, wrong keys, spans of time: the small pieces, by hand and against a slow count."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.deployment.protection.time_spans import seconds_of
from apps.ml.deployment.protection.token_bucket import TokenBucket, whole_seconds
from apps.ml.deployment.protection.wrong_keys import WrongKeys
from apps.ml.errors import BadInputError
from apps.ml.tests.protected_server import Clock


def test_a_bucket_starts_full_and_fills_evenly(clock: Clock) -> None:
    bucket = TokenBucket(6, clock.monotonic)
    assert [bucket.take() for _ in range(6)] == [0.0] * 6
    assert bucket.take() == pytest.approx(10)
    clock.elapsed += 9.9
    assert bucket.take() == pytest.approx(0.1, abs=1e-6)
    clock.elapsed += 0.1
    assert bucket.take() == 0.0
    clock.elapsed += 10_000  # more than full is full
    assert [bucket.take() == 0.0 for _ in range(7)] == [True] * 6 + [False]


def test_a_share_below_one_a_minute_lets_one_pass_at_a_time(clock: Clock) -> None:
    bucket = TokenBucket(0.5, clock.monotonic)
    assert bucket.take() == 0.0
    assert bucket.take() == pytest.approx(120)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.lists(st.integers(0, 30), min_size=1, max_size=150))
def test_a_bucket_passes_what_counting_tokens_passes(per_minute: int, pauses: list[int]) -> None:
    """The oracle holds tokens and adds what flowed in, in whole sixtieths of a token."""
    clock = Clock()
    bucket = TokenBucket(per_minute, clock.monotonic)
    full = tokens = per_minute * 60
    for pause in pauses:
        clock.elapsed += pause
        tokens = min(full, tokens + pause * per_minute)
        passes = tokens >= 60
        assert (bucket.take() == 0.0) is passes
        tokens -= 60 * passes


def test_waits_are_rounded_up() -> None:
    assert [whole_seconds(wait) for wait in (0.01, 1.0, 1.01, 59.2)] == ["1", "1", "2", "60"]


def test_hosts_of_one_ipv6_network_count_as_one_address(clock: Clock) -> None:
    wrong = WrongKeys(1, clock.monotonic)
    assert wrong.count("2001:db8:0:1::5") == 0.0
    assert wrong.count("2001:db8:0:1:ffff::9") > 0.0
    assert wrong.count("2001:db8:0:2::5") == 0.0
    assert [wrong.count(address) == 0.0 for address in (None, "not an address", "192.0.2.1")] == [True, False, True]


def test_the_memory_of_wrong_keys_is_bounded(clock: Clock) -> None:
    wrong = WrongKeys(1, clock.monotonic, addresses=3)
    for number in range(100):
        assert wrong.count(f"192.0.2.{number}") == 0.0
    assert len(wrong) == 3
    assert wrong.count("192.0.2.99") > 0.0


def test_spans_of_time_are_read_as_people_write_them() -> None:
    spans = {"30s": 30, "15m": 900, "24h": 86_400, "90d": 7_776_000, "2w": 1_209_600, "0s": 0}
    assert {text: seconds_of(text, "--expires") for text in spans} == spans


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "1 d", "9999999d", "1y", "٣d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="--expires is no span of time"):
        seconds_of(text, "--expires")
