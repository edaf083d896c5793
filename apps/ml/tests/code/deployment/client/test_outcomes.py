"""Labels as they are reported."""

import math
from datetime import UTC, datetime

import pytest

from apps.ml.deployment.client import BadAnswerError, Outcome
from apps.ml.tests.code.deployment.client.both_clients import Ask, TestClock, blocking, both, with_clock
from apps.ml.tests.code.deployment.client.scripted_server import answer, hang_up, refusal, scripted

ID = "0198f6a4-0000-7000-8000-000000000000"
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
WRITTEN = "2026-01-31T12:00:00+00:00"


def accepted(count: int) -> dict[str, int]:
    return {"accepted": count}


@both
def test_many_outcomes_are_one_report(ask: Ask) -> None:
    outcomes = [Outcome(ID, 1), Outcome(ID, 0.5, MOMENT, "ledger")]
    with scripted(answer(accepted(2), 202)) as server:
        assert ask(server.address, "report_outcomes", outcomes) == 2
    listed = [{"id": ID, "label": 1}, {"id": ID, "label": 0.5, "observed_at": WRITTEN, "source": "ledger"}]
    assert (server.asked[0][0], server.asked[0][2]) == ("/v1/outcomes", {"outcomes": listed})


@both
def test_one_outcome_is_a_report_of_one(ask: Ask) -> None:
    with scripted(answer(accepted(1), 202)) as server:
        ask(server.address, "report_outcome", ID, 0, observed_at=MOMENT)
    assert server.asked[0][2] == {"outcomes": [{"id": ID, "label": 0, "observed_at": WRITTEN}]}


@both
def test_a_report_is_repeated_until_it_is_taken(ask: Ask) -> None:
    full = answer(refusal("log_full"), 503, Retry_After="5")
    with scripted(full, hang_up, answer(accepted(1), 202)) as server:
        ask(server.address, "report_outcome", ID, 1, client=with_clock(TestClock()))
    assert len(server.asked) == 3


@both
def test_a_report_of_which_a_part_was_taken_breaks_the_contract(ask: Ask) -> None:
    with scripted(answer(accepted(1), 202)) as server, pytest.raises(BadAnswerError, match="2 outcomes were reported"):
        ask(server.address, "report_outcomes", [Outcome(ID, 1), Outcome(ID, 0)])


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Outcome(ID, 1, MOMENT.replace(tzinfo=None))


def test_a_label_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="column 'label' of row 0 is NaN"):
        blocking("http://127.0.0.1:1", "report_outcomes", [Outcome(ID, math.nan)])
