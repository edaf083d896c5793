"""The circuit: it opens after failures in a row, one request tries, and nothing leaves it stuck."""

import asyncio

import pytest

from apps.backend.upstreams.breaker import CircuitBreaker, OpenCircuitError


class AwayError(Exception):
    """A failure."""


class RefusalError(Exception):
    """An answer all the same."""


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def state(breaker: CircuitBreaker) -> str:
    return breaker.state


def ask(breaker: CircuitBreaker, error: type[BaseException] | None = None) -> None:
    """Let one request end with this error; `AwayError` is a failure, `RefusalError` an answer."""
    with breaker.asking((AwayError,), answers=(RefusalError,)):
        if error is not None:
            raise error


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(AwayError):
            ask(breaker, AwayError)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, open_seconds=5.0, clock=clock)


def test_it_opens_after_failures_in_a_row(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 2)
    ask(breaker)
    fail(breaker, 2)
    assert state(breaker) == "closed"
    fail(breaker)
    assert (state(breaker), breaker.wait()) == ("open", 5.0)
    clock.now += 1.5
    with pytest.raises(OpenCircuitError) as caught:
        ask(breaker)
    assert caught.value.seconds == 3.5


def test_a_refusal_is_an_answer(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    with pytest.raises(RefusalError):
        ask(breaker, RefusalError)
    fail(breaker, 2)
    assert state(breaker) == "closed"


def test_one_request_tries_and_its_success_closes(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 5
    assert state(breaker) == "half-open"
    with breaker.asking((AwayError,)):
        assert state(breaker) == "open"
        with pytest.raises(OpenCircuitError):
            ask(breaker)
    assert state(breaker) == "closed"
    fail(breaker, 2)
    assert state(breaker) == "closed"


def test_one_request_tries_and_its_failure_opens_again(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 5
    fail(breaker)
    assert (state(breaker), breaker.wait()) == ("open", 5.0)
    clock.now += 5
    ask(breaker)
    assert state(breaker) == "closed"


@pytest.mark.parametrize("ending", [asyncio.CancelledError, KeyboardInterrupt, ValueError])
def test_a_trial_that_tells_nothing_makes_room_for_the_next(
    breaker: CircuitBreaker, clock: Clock, ending: type[BaseException]
) -> None:
    fail(breaker, 3)
    clock.now += 5
    with pytest.raises(ending):
        ask(breaker, ending)
    assert state(breaker) == "half-open"
    ask(breaker)
    assert state(breaker) == "closed"


@pytest.mark.parametrize("late", [None, AwayError, ValueError])
def test_who_asked_before_it_opened_decides_nothing_while_another_tries(
    breaker: CircuitBreaker, clock: Clock, late: type[Exception] | None
) -> None:
    early = breaker.asking((AwayError,))
    early.__enter__()
    fail(breaker, 3)
    clock.now += 5
    with breaker.asking((AwayError,)):
        early.__exit__(late, None if late is None else late(), None)
        assert state(breaker) == "open"
        assert breaker.wait() == 0
    assert state(breaker) == "closed"
    fail(breaker, 2)
    assert state(breaker) == "closed"
