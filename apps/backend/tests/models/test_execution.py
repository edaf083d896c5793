"""What was approved is done once in effect: services away, answers lost, processes ended in the middle."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from apps.backend import moments
from apps.backend.models.promotions import LEASE
from apps.backend.models.tables import promotions
from apps.backend.tests.models.conftest import BOTH, PROMOTIONS, Office, never_open, rows
from apps.backend.tests.models.scripted_registry import Fault, half, refusal
from apps.backend.tests.product import NOWHERE, Product, running_backend, until

LOST = [half(), refusal(500, "failed"), refusal(503, "outcome_unknown")]


@contextmanager
def another_process(office: Office, **settings: Any) -> Iterator[Product]:
    """A second backend over the same database."""
    with running_backend(replace(office.product.parts.settings, **settings), never_open) as product:
        yield product


def change(office: Office, promotion: str, **values: Any) -> None:
    async def write() -> None:
        async with office.product.parts.database.writing() as connection:
            await connection.execute(promotions.update().where(promotions.c.id == promotion).values(**values))

    office.product.run(write())


@BOTH
def test_what_is_approved_while_the_service_is_busy_is_done_later(office: Office) -> None:
    promotion = office.asked()
    office.registry.faults = [Fault("POST", "promotions", refusal(503, "busy"))]
    waiting = office.approve(promotion)
    assert (waiting.status_code, waiting.json()["state"]) == (200, "approved")
    assert waiting.json()["problem"] == "evidence_service_busy"
    (waits,) = rows(office.product, promotions.select().where(promotions.c.id == promotion))
    office.carry_out(now=waits.next_try_at - 1)
    assert office.read(promotion)["state"] == "approved"  # its next try is not due yet
    office.carry_out(now=waits.next_try_at)
    done = office.read(promotion)
    assert (done["state"], done["tries"], done["problem"]) == ("done", 2, None)


def test_nothing_is_decided_where_the_service_is_away_when_it_is_asked_for(office: Office) -> None:
    office.registry.faults = [Fault("GET", "versions", half()) for _ in range(3)]
    assert office.ask().json()["code"] == "evidence_service_away"
    assert office.viewer.get(PROMOTIONS).json()["items"] == []


@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize("version", ["2", None])
def test_a_lost_answer_is_no_second_effect(office: Office, answer: Any, version: str | None) -> None:
    office.registry.champions["loans"] = ["2", "3", "1"]
    promotion = office.asked(version)
    end = "rollbacks" if version is None else "promotions"
    office.registry.faults = [Fault("POST", end, answer, does=True)]
    assert office.approve(promotion).json()["state"] == "approved"
    after = list(office.registry.champions["loans"])
    office.carry_out()
    done = office.read(promotion)
    assert (done["state"], done["result"]["was_found_done"]) == ("done", True)
    assert (done["result"]["before"], done["result"]["after"]) == ("1", "3" if version is None else "2")
    assert office.registry.champions["loans"] == after
    assert len(office.registry.changes()) == 1


@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize("version", ["2", None])
def test_an_act_that_was_lost_on_the_way_is_done_later(office: Office, answer: Any, version: str | None) -> None:
    office.registry.champions["loans"] = ["3", "1"]
    promotion = office.asked(version)
    end = "rollbacks" if version is None else "promotions"
    office.registry.faults = [Fault("POST", end, answer)]
    assert office.approve(promotion).json()["state"] == "approved"
    office.carry_out()
    done = office.read(promotion)
    assert (done["state"], done["result"]["was_found_done"]) == ("done", False)
    assert office.registry.champion() == ("3" if version is None else "2")


def test_a_roll_back_whose_answer_was_lost_waits_a_minute(office: Office) -> None:
    office.registry.champions["loans"] = ["3", "1"]
    promotion = office.asked(None)
    office.registry.faults = [Fault("POST", "rollbacks", half())]
    before = moments.now()
    office.approve(promotion)
    after = moments.now()
    office.carry_out(now=before + 60 * moments.MICROSECONDS)
    assert len(office.registry.changes()) == 1
    office.carry_out(now=after + 63 * moments.MICROSECONDS)
    assert len(office.registry.changes()) == 2


def test_a_champion_made_by_others_after_a_lost_answer_is_not_taken_for_ours(office: Office) -> None:
    promotion = office.asked("2")
    office.registry.faults = [Fault("POST", "promotions", half())]
    office.approve(promotion)
    office.registry.champions["loans"].append("3")
    office.carry_out()
    assert office.read(promotion)["state"] == "stale"


def test_a_version_made_champion_by_others_before_anything_was_asked_is_stale(office: Office) -> None:
    promotion = office.asked("2")
    office.registry.faults = [Fault("GET", "versions", half()) for _ in range(3)]
    assert office.approve(promotion).json()["problem"] == "evidence_service_away"
    office.registry.champions["loans"].append("2")
    office.carry_out()
    assert office.read(promotion)["state"] == "stale"
    assert office.registry.changes() == []


def test_a_refused_connection_is_known_to_have_done_nothing(office: Office) -> None:
    promotion = office.asked("2")
    with another_process(office, evidence=NOWHERE) as lonely:
        client = office.approver
        answered = client.post(f"{lonely.address}{PROMOTIONS}/{promotion}/approval", json={"words": "yes"})
        assert answered.json()["state"] == "approved"
    office.registry.champions["loans"].append("2")
    office.carry_out()
    assert office.read(promotion)["state"] == "stale"


@BOTH
def test_a_process_that_ended_in_the_middle_is_taken_over(office: Office) -> None:
    promotion = office.asked("2")
    mine = {"state": "approved", "decided_by": "key:x", "decided_by_name": "x", "decided_at": moments.now()}
    change(office, promotion, **mine, words="w", tries=1, next_try_at=moments.now() + LEASE, may_be_done=True)
    office.registry.champions["loans"].append("2")  # done, and then the process ended before it wrote that down
    with another_process(office) as second:
        office.carry_out(now=moments.now(), product=second)
        assert office.read(promotion)["state"] == "approved"  # it may still be at work
        office.carry_out(now=moments.now() + LEASE + 1, product=second)
    done = office.read(promotion)
    assert (done["state"], done["result"]["was_found_done"]) == ("done", True)
    assert office.registry.changes() == []


@BOTH
def test_two_processes_do_it_once(office: Office) -> None:
    promotion = office.asked("2")
    office.registry.faults = [Fault("POST", "promotions", refusal(503, "busy"))]
    office.approve(promotion)
    office.registry.faults = [Fault("POST", "promotions", seconds=0.3)]
    with another_process(office) as second, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda product: office.carry_out(product=product), [office.product, second]))
    assert office.read(promotion)["state"] == "done"
    assert len(office.registry.changes()) == 2  # the busy one and the one that did it


def test_what_nobody_could_do_for_a_day_is_stale(office: Office) -> None:
    promotion = office.asked("2")
    office.registry.faults = [Fault("POST", "promotions", refusal(503, "busy"))]
    office.approve(promotion)
    change(office, promotion, decided_at=moments.now() - 25 * 3600 * moments.MICROSECONDS)
    office.carry_out()
    assert office.read(promotion)["state"] == "stale"
    assert office.registry.champion() == "1"


def test_a_model_that_vanished_is_not_promoted(office: Office) -> None:
    promotion = office.asked("2")
    del office.registry.versions["loans"]
    done = office.approve(promotion).json()
    assert (done["state"], done["result"]["code"]) == ("not_promoted", "not_found")


@BOTH
def test_the_job_runs_in_a_running_backend(office: Office) -> None:
    promotion = office.asked("2")
    office.registry.faults = [Fault("POST", "promotions", refusal(503, "busy"))]
    office.approve(promotion)
    change(office, promotion, next_try_at=0)
    with running_backend(office.product.parts.settings):
        until(lambda: office.read(promotion)["state"] != "approved")
    assert office.read(promotion)["state"] == "done"
