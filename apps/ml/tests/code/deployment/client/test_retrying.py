"""A call is tried again where that can help, as often and as late as was agreed, and never otherwise."""

from email.utils import formatdate

import pytest

from apps.ml.deployment.client import (
    BadAnswerError,
    ConnectionFailedError,
    ModelServerError,
    RefusedError,
    Retries,
    Timeouts,
    UnavailableError,
)
from apps.ml.tests.code.deployment.client.both_clients import WALL, Ask, TestClock, blocking, both, with_clock
from apps.ml.tests.code.deployment.client.scripted_server import (
    ROW,
    Step,
    answer,
    half_an_answer,
    hang_up,
    predictions,
    refusal,
    scripted,
)
from apps.ml.tests.local_server import closed_port

GOOD = answer(predictions())
BUSY = answer(refusal("busy"), 503)


@both
@pytest.mark.parametrize("step", [BUSY, answer(refusal("rate"), 429), answer(b"<html>", 503), hang_up, half_an_answer])
def test_what_passes_is_asked_again_with_growing_pauses(ask: Ask, step: Step) -> None:
    clock = TestClock()
    with scripted(step, step, step, GOOD) as server:
        answered = ask(server.address, "predict", [ROW], client=with_clock(clock))
    assert answered.scores == (0.75,)
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4])


@both
def test_all_tries_of_a_call_carry_one_request_id(ask: Ask) -> None:
    with scripted(BUSY, BUSY, GOOD) as server:
        ask(server.address, "predict", [ROW], client=with_clock(TestClock()))
        ask(server.address, "predict", [ROW], request_id="mine-1", client=with_clock(TestClock()))
    ids = [headers["x-request-id"] for _, headers, _ in server.asked]
    assert len(set(ids[:3])) == 1
    assert ids[3] == "mine-1" != ids[0]


@both
@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 415, 422, 500])
def test_other_refusals_are_not_asked_again(ask: Ask, status: int) -> None:
    finding = {"row": 1, "column": "age", "problem": "the number is not whole", "expected": "a whole number"}
    with (
        scripted(answer(refusal("misfit", "Mend it.", finding), status)) as server,
        pytest.raises(RefusedError, match="Mend it") as caught,
    ):
        ask(server.address, "predict", [ROW], client=with_clock(TestClock()))
    assert len(server.asked) == 1
    assert (caught.value.status, caught.value.code, caught.value.message) == (status, "misfit", "Mend it.")
    assert [(found.row, found.column) for found in caught.value.findings] == [(1, "age")]
    assert caught.value.request_id == server.asked[0][1]["x-request-id"]


@both
def test_an_answer_that_breaks_the_contract_is_not_asked_again(ask: Ask) -> None:
    with scripted(answer(b"{}")) as server, pytest.raises(BadAnswerError, match="has no key 'model'"):
        ask(server.address, "predict", [ROW], client=with_clock(TestClock()))
    assert len(server.asked) == 1


@both
def test_a_server_that_stays_busy_is_unavailable_after_the_agreed_tries(ask: Ask) -> None:
    clock = TestClock()
    with (
        scripted(answer(refusal("busy", "The queue is full."), 503, Retry_After="2")) as server,
        pytest.raises(UnavailableError, match=r"503 busy \(4 tries in .*: The queue is full") as caught,
    ):
        ask(server.address, "predict", [ROW], client=with_clock(clock))
    assert (len(server.asked), caught.value.status, caught.value.retry_after) == (4, 503, 2.0)


@both
def test_a_server_that_is_not_there_is_a_failed_connection(ask: Ask) -> None:
    clock = TestClock()
    with pytest.raises(ConnectionFailedError, match=r"cannot be reached \(4 tries"):
        ask(f"http://127.0.0.1:{closed_port()}", "predict", [ROW], client=with_clock(clock))
    assert len(clock.slept) == 3


@both
@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"Retry_After": "3"}, 3.0),
        ({"Retry_After": formatdate(WALL + 7, usegmt=True), "Date": formatdate(WALL + 3, usegmt=True)}, 4.0),
        ({"Retry_After": formatdate(WALL + 7, usegmt=True)}, 7.0),
        ({"Retry_After": formatdate(WALL - 60, usegmt=True), "Date": formatdate(WALL, usegmt=True)}, 0.0),
        ({"Retry_After": "soon"}, 0.0),
        ({"Retry_After": "-3"}, 0.0),
        ({"Retry_After": "9" * 400}, 0.0),
    ],
)
def test_a_server_says_when_to_come_again(ask: Ask, headers: dict[str, str], asked: float) -> None:
    clock = TestClock()
    with scripted(answer(refusal("rate"), 429, **headers), GOOD) as server:
        ask(server.address, "predict", [ROW], client=with_clock(clock))
    assert clock.slept == pytest.approx([asked + 0.1])


@both
def test_a_pause_beyond_the_deadline_is_not_begun(ask: Ask) -> None:
    clock = TestClock()
    with (
        scripted(answer(refusal("rate"), 429, Retry_After="300"), GOOD) as server,
        pytest.raises(UnavailableError, match=r"429 rate \(1 try in") as caught,
    ):
        ask(server.address, "predict", [ROW], client=with_clock(clock))
    assert (clock.slept, caught.value.retry_after) == ([], 300.0)


@both
def test_one_try_is_one_try(ask: Ask) -> None:
    with scripted(BUSY, GOOD) as server, pytest.raises(UnavailableError, match="1 try"):
        ask(server.address, "predict", [ROW], client=with_clock(TestClock(), retries=Retries(1)))


def test_a_pause_is_never_longer_than_the_longest() -> None:
    clock = TestClock()
    client = with_clock(clock, retries=Retries(8, 0.1, 0.5))
    with scripted(BUSY) as server, pytest.raises(ModelServerError, match="8 tries"):
        blocking(server.address, "predict", [ROW], client=client)
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5])


def test_timeouts_and_retries_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="every timeout is more than 0"):
        Timeouts(answer=0)
    with pytest.raises(ValueError, match="tried at least once"):
        Retries(tries=0)
