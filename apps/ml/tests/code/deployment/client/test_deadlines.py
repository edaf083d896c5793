"""However a server answers, a call ends by its deadline."""

import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.deployment.client import Clock, ConnectionFailedError, ModelServerError, Retries, Timeouts
from apps.ml.deployment.client.tries import End, Lost, Reply, Tries
from apps.ml.tests.code.deployment.client.both_clients import Ask, TestClock, both, with_clock
from apps.ml.tests.code.deployment.client.scripted_server import (
    DRIPPED_BODY,
    DRIPPED_HEADER,
    ROW,
    Step,
    answer,
    half_an_answer,
    predictions,
    refusal,
    say_nothing,
    scripted,
)

TOTAL_SECONDS = 0.5
SPARE_SECONDS = 30.0
"""What a busy machine may take to wake a thread; less than any other patience of these calls."""


def seconds_of_failure(ask: Ask, address: str, **client: Any) -> float:
    began = time.monotonic()
    with pytest.raises(ModelServerError, match="server"):
        ask(address, "predict", [ROW], client=client)
    return time.monotonic() - began


@both
@pytest.mark.parametrize("step", [say_nothing, DRIPPED_HEADER, DRIPPED_BODY], ids=["silent", "header", "body"])
def test_a_slow_server_holds_a_call_no_longer_than_its_deadline(ask: Ask, step: Step) -> None:
    with scripted(step) as server:
        spent = seconds_of_failure(ask, server.address, timeout=Timeouts(90.0, 90.0, TOTAL_SECONDS))
    assert TOTAL_SECONDS - 0.05 <= spent <= TOTAL_SECONDS + SPARE_SECONDS


@both
@pytest.mark.parametrize("step", [half_an_answer, answer(refusal("busy"), 503)], ids=["half", "busy"])
def test_tries_and_pauses_end_by_the_deadline(ask: Ask, step: Step) -> None:
    retries = Retries(10_000, 0.05, 0.1)
    with scripted(step) as server:
        spent = seconds_of_failure(ask, server.address, timeout=Timeouts(90.0, 90.0, TOTAL_SECONDS), retries=retries)
    assert spent <= TOTAL_SECONDS + SPARE_SECONDS


@both
@pytest.mark.parametrize("step", [half_an_answer, answer(refusal("busy"), 503)], ids=["half", "busy"])
def test_tries_are_made_as_long_as_there_is_time(ask: Ask, step: Step) -> None:
    """Of 1000 seconds on a clock of the test seven pauses of at most 150 leave more than the last try needs."""
    stopped = TestClock()
    client = with_clock(stopped, timeout=Timeouts(60.0, 60.0, 1000.0), retries=Retries(1000, 50.0, 150.0))
    with scripted(step) as server, pytest.raises(ModelServerError, match="8 tries"):
        ask(server.address, "predict", [ROW], client=client)
    assert stopped.slept == [50.0, 100.0, *[150.0] * 5]
    assert len(server.asked) == 8


@both
def test_one_slow_try_leaves_time_for_another(ask: Ask) -> None:
    """The machine may be slow as well: a try may end before its answer is there, and then the next one follows."""
    client = {"timeout": Timeouts(60.0, 0.2, 60.0), "retries": Retries(1000, 0.0)}
    with scripted(say_nothing, answer(predictions())) as server:
        assert ask(server.address, "predict", [ROW], client=client).scores == (0.75,)
    assert len(server.asked) > 1


@both
def test_the_message_says_that_no_answer_came_in_time(ask: Ask) -> None:
    client = {"timeout": Timeouts(60.0, 1.0, 60.0), "retries": Retries(1)}
    with scripted(say_nothing) as server, pytest.raises(ConnectionFailedError, match=r"did not answer in time \(1 try"):
        ask(server.address, "predict", [ROW], client=client)


ENDS = st.one_of(
    st.just(Lost("closed")),
    st.builds(
        lambda status, after: Reply(status, httpx.Headers({"retry-after": after}), b""),
        st.sampled_from([200, 422, 429, 503]),
        st.one_of(st.integers(0, 100).map(str), st.text(st.characters(codec="ascii", exclude_categories=["Cc"]))),
    ),
)


@given(
    st.lists(st.tuples(ENDS, st.floats(0, 1)), min_size=1, max_size=20),
    st.floats(0.01, 20),
    st.floats(0.01, 20),
    st.floats(0, 1),
)
def test_no_script_of_ends_leads_beyond_the_deadline(
    script: list[tuple[End, float]], answer_seconds: float, total: float, share: float
) -> None:
    stopped = TestClock(share=share)
    tries = Tries(Timeouts(1.0, answer_seconds, total), Retries(20, 0.1, 5.0), stopped.clock())
    for end, part in script:
        limits = tries.begin()
        assert limits.connected <= limits.answered
        stopped.moment += part * (limits.answered - limits.began)
        pause = tries.pause(end)
        if pause is None:
            break
        assert pause >= (tries.retry_after(end) or 0.0)
        stopped.sleep(pause)
    assert stopped.moment - 1000.0 <= total + 1e-9


def test_the_clock_is_by_default_the_machines() -> None:
    assert (Clock().now, Clock().wall) == (time.monotonic, time.time)
