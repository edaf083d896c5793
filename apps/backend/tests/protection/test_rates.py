"""Buckets: a minute's worth at once, then as fast as they fill."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.backend.identity.caller import Caller
from apps.backend.problems import ProblemError
from apps.backend.protection import rates
from apps.backend.protection.rates import Rates, Strangers


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def caller(number: int = 1) -> Caller:
    return Caller("organisation", f"key:{number}", "key", "viewer")


def passes(bucket: Rates, who: Caller) -> bool:
    try:
        bucket.take(who)
    except ProblemError as problem:
        return (problem.status, problem.code) != (429, "too_many_requests")
    return True


def test_a_minutes_worth_at_once_and_then_one_per_interval() -> None:
    clock = Clock()
    bucket = Rates(60, clock)
    assert [passes(bucket, caller()) for _ in range(61)] == [True] * 60 + [False]
    clock.now += 1.0
    assert [passes(bucket, caller()) for _ in range(2)] == [True, False]


def test_the_answer_says_when_to_come_again() -> None:
    clock = Clock()
    bucket = Rates(6, clock)
    for _ in range(6):
        bucket.take(caller())
    with pytest.raises(ProblemError) as caught:
        bucket.take(caller())
    assert caught.value.headers["Retry-After"] == "10"
    clock.now += 10
    assert passes(bucket, caller())


def test_callers_do_not_share() -> None:
    bucket = Rates(1, Clock())
    assert passes(bucket, caller(1))
    assert passes(bucket, caller(2))
    assert not passes(bucket, caller(1))


@given(per_minute=st.integers(1, 200), pauses=st.lists(st.floats(0, 30), min_size=1, max_size=300))
def test_never_more_than_two_minutes_worth_in_a_minute(per_minute: int, pauses: list[float]) -> None:
    clock = Clock()
    bucket = Rates(per_minute, clock)
    let_in: list[float] = []
    for pause in pauses:
        clock.now += pause
        if passes(bucket, caller()):
            let_in.append(clock.now)
    for begin in let_in:
        assert sum(begin <= each < begin + 60 for each in let_in) <= 2 * per_minute + 1


def test_addresses_of_one_network_share_a_bucket() -> None:
    strangers = Strangers(1, Clock())
    assert strangers.refusal("2001:db8::1") is None
    assert strangers.refusal("2001:db8::2") is not None
    assert strangers.refusal("2001:db8:0:1::1") is None
    assert strangers.refusal("192.0.2.1") is None
    assert strangers.refusal("192.0.2.2") is None
    assert strangers.refusal("::ffff:192.0.2.2") is not None
    assert strangers.refusal(None) is None
    assert strangers.refusal(None) is not None


def test_memory_is_bounded_and_the_busiest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_KEPT", 100)
    bucket = Rates(2, Clock())
    busy = caller(0)
    assert [passes(bucket, busy) for _ in range(3)] == [True, True, False]
    for number in range(1, 1000):
        bucket.take(caller(number))
        assert len(bucket._buckets._full_at) <= 100
    assert not passes(bucket, busy)
