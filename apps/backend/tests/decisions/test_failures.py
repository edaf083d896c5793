"""A model server that fails: a clear problem in bounded time, no decision, and the audit log knows why."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pytest

from apps.backend.observation import metrics
from apps.backend.settings import Settings
from apps.backend.tests.decisions import model_server as scripted
from apps.backend.tests.decisions.conftest import Office, patient_for
from apps.backend.tests.decisions.model_server import EXPLAIN, MODELS, POOR, ModelServer, Step
from apps.backend.tests.product import Product, running_backend, small_settings
from apps.backend.upstreams import model_server as upstream
from apps.backend.upstreams.breaker import CircuitBreaker

SECONDS = 1.0
OPEN_SECONDS = 1.5
FAILURES = 3
NAMES = count()
PROMISED = {"name": "loans", "version": "3", "evidence": "5f2c"}

BROKEN = {
    "no JSON": scripted.answer(b"<html>"),
    "no predictions": scripted.answer({**PROMISED, "model": "loans", "predictions": []}),
    "no explanation": scripted.answer(
        {**PROMISED, "model": "loans", "predictions": [{"id": "a", "score": 1, "decision": 1, "threshold": 0.5}]}
    ),
    "failed": scripted.refusal(500, "internal_error"),
    "page of an error": scripted.answer(b"<html>Bad gateway</html>", 502),
}
AWAY: dict[str, Step] = {"hangs up": scripted.hang_up, "half an answer": scripted.half_an_answer}
SLOW: dict[str, Step] = {"says nothing": scripted.say_nothing, "drips": scripted.drip}
MISCONFIGURED = {
    "no key": scripted.refusal(401, "key_missing"),
    "no scope": scripted.refusal(403, "scope_missing"),
    "not served": scripted.refusal(404, "not_served"),
}
REFUSING = {
    "busy": scripted.refusal(503, "busy", Retry_After="7"),
    "too often": scripted.refusal(429, "rate_exceeded", Retry_After="7"),
    "a proxy": scripted.answer(b"<html>", 503, Retry_After="7"),
}
CASES = [
    pytest.param(step, code, id=f"{code}: {name}")
    for code, steps in (
        ("broken", BROKEN), ("away", AWAY), ("slow", SLOW), ("misconfigured", MISCONFIGURED), ("refusing", REFUSING)
    )
    for name, step in steps.items()
]  # fmt: skip


@pytest.fixture(scope="module")
def failing() -> Iterator[ModelServer]:
    with scripted.model_server() as server:
        yield server


@pytest.fixture(scope="module")
def impatient(failing: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A backend that waits a second and whose circuit never opens."""
    settings = small_settings(tmp_path_factory.mktemp("impatient"), model_server=failing.address)
    never = CircuitBreaker(failures=10**6)
    with running_backend(settings, patient_for(SECONDS, settings, never)) as running:
        yield running


@pytest.fixture
def office(impatient: Product, failing: ModelServer) -> Office:
    failing.reset()
    return Office(impatient, failing, impatient.organisation(f"failing {next(NAMES)}"))


@pytest.fixture
def breaking(failing: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office whose circuit opens after three failures."""
    settings = small_settings(tmp_path_factory.mktemp("breaking"), model_server=failing.address)
    breaker = CircuitBreaker(FAILURES, OPEN_SECONDS)
    failing.reset()
    with running_backend(settings, patient_for(SECONDS, settings, breaker)) as running:
        yield Office(running, failing, running.organisation("breaking"))


def require_no_decision(office: Office, answered: httpx.Response, code: str) -> None:
    assert (answered.status_code, answered.json()["code"]) == (503, f"model_server_{code}")
    assert 1 <= int(answered.headers["retry-after"]) <= 30
    assert office.listed() == []
    (entry,) = office.logged("decision.failed", "decision.made")
    assert entry.about == {"model": "loans", "code": f"model_server_{code}"}
    assert (entry.action, entry.target) == ("decision.failed", "model:loans")


def calls(outcome: str) -> float:
    """Return how many calls ended so, as /metrics tells."""
    labels = {"upstream": "model_server", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("fairmind_backend_upstream_duration_seconds_count", labels) or 0.0


@pytest.mark.parametrize(("step", "code"), CASES)
def test_there_is_no_decision_and_a_clear_problem(office: Office, step: Step, code: str) -> None:
    office.models.always[EXPLAIN] = step
    counted, began = calls(code), time.monotonic()
    answered = office.ask(POOR, subject="Jane Doe")
    assert time.monotonic() - began < SECONDS + 1
    require_no_decision(office, answered, code)
    assert calls(code) == counted + 1


def test_nobody_listens(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = small_settings(tmp_path_factory.mktemp("nobody"))
    with running_backend(settings) as running, scripted.model_server() as unused:
        office = Office(running, unused, running.organisation("nobody"))
        require_no_decision(office, office.ask(), "away")


def test_it_says_when_the_model_server_wants_to_be_asked_again(office: Office) -> None:
    office.models.always[EXPLAIN] = scripted.refusal(503, "busy", Retry_After="7")
    assert office.ask().headers["retry-after"] == "7"


def test_a_short_failure_is_not_seen(office: Office) -> None:
    office.models.steps[EXPLAIN] = [scripted.hang_up, scripted.refusal(503, "busy", Retry_After="0")]
    assert office.ask().status_code == 201
    assert len(office.models.bodies(EXPLAIN)) == 3


def test_a_server_that_hung_once_is_asked_again_in_time(office: Office) -> None:
    office.models.steps[EXPLAIN] = [scripted.say_nothing]
    assert office.ask().status_code == 201


def test_the_description_of_a_version_counts_into_the_same_deadline(office: Office) -> None:
    office.models.version = "described by nobody"
    office.models.always = {MODELS: scripted.say_nothing}
    began = time.monotonic()
    require_no_decision(office, office.ask(), "slow")
    assert time.monotonic() - began < SECONDS + 1


def test_a_refused_application_says_so_without_findings_too(office: Office) -> None:
    office.models.always[EXPLAIN] = scripted.refusal(413, "body_too_large")
    answered = office.ask()
    assert (answered.status_code, answered.json()["code"]) == (422, "misfit")
    assert answered.json()["errors"] == [
        {"location": "body.application", "problem": "the model server refuses it (body_too_large)", "expected": None}
    ]
    assert office.listed() == []


def test_names_that_no_row_can_hold_are_no_answer(office: Office) -> None:
    office.models.prediction = {"id": "x" * 201}
    require_no_decision(office, office.ask(), "broken")


def test_a_failed_request_frees_its_key(office: Office) -> None:
    office.models.steps[EXPLAIN] = [scripted.answer(b"<html>")]
    headers = {"Idempotency-Key": "again"}
    assert office.ask(headers=headers).status_code == 503
    assert office.ask(headers=headers).status_code == 201


def test_who_gets_no_turn_in_time_is_told_that_the_server_is_slow(
    failing: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "AT_ONCE", 2)
    failing.reset()
    failing.always[EXPLAIN] = scripted.say_nothing

    async def ask() -> list[str]:
        models = upstream.ModelServer(Settings(model_server=failing.address), seconds=SECONDS)
        try:
            calls = [models.explain("loans", {"age": number}) for number in range(6)]
            ended = await asyncio.gather(*calls, return_exceptions=True)
        finally:
            await models.close()
        return [getattr(error, "code", "") for error in ended]

    assert asyncio.run(ask()) == ["model_server_slow"] * 6
    # Two of the others may get the turns that end with the deadline itself.
    assert len({body["instances"][0]["age"] for body in failing.bodies(EXPLAIN)}) <= 4


def test_the_circuit_opens_answers_at_once_and_closes_when_the_server_is_back(breaking: Office) -> None:
    breaking.models.always[EXPLAIN] = scripted.answer(b"<html>")
    for _ in range(FAILURES):
        assert breaking.ask().json()["code"] == "model_server_broken"
    asked = len(breaking.models.asked)
    began = time.monotonic()
    answered = breaking.ask()
    assert time.monotonic() - began < SECONDS / 2
    assert (answered.status_code, answered.json()["code"]) == (503, "model_server_away")
    assert answered.headers["retry-after"] == "2"
    assert len(breaking.models.asked) == asked
    assert [entry.about["code"] for entry in breaking.logged("decision.failed")][-1] == "model_server_away"
    breaking.models.reset()
    time.sleep(OPEN_SECONDS)
    assert breaking.ask().status_code == 201
    assert breaking.product.parts.model_server.breaker.state == "closed"


def test_while_the_circuit_is_half_open_one_request_tries(breaking: Office) -> None:
    breaking.models.always[EXPLAIN] = scripted.answer(b"<html>")
    for _ in range(FAILURES):
        breaking.ask()
    breaking.models.reset()
    breaking.models.steps[EXPLAIN] = [scripted.after(0.3, scripted.explain_well)]
    time.sleep(OPEN_SECONDS)
    with ThreadPoolExecutor(10) as pool:
        statuses = [answered.status_code for answered in pool.map(lambda _: breaking.ask(), range(10))]
    assert sorted(statuses) == [201, *[503] * 9]
    assert len(breaking.models.bodies(EXPLAIN)) == 1


def test_a_caller_who_hangs_up_during_the_trial_leaves_nothing_stuck(breaking: Office) -> None:
    breaker = breaking.product.parts.model_server.breaker
    breaking.models.always[EXPLAIN] = scripted.answer(b"<html>")
    for _ in range(FAILURES):
        breaking.ask()
    breaking.models.reset()
    breaking.models.steps[EXPLAIN] = [scripted.say_nothing]
    time.sleep(OPEN_SECONDS)

    async def hang_up() -> None:
        asking = asyncio.ensure_future(breaking.product.parts.model_server.explain("loans", {"age": 1}))
        await asyncio.sleep(0.1)
        assert breaker.state == "open"
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    breaking.product.run(hang_up())
    assert breaker.wait() == 0
    assert breaking.ask().status_code == 201
    assert breaker.state == "closed"


def test_misfits_never_open_the_circuit(breaking: Office) -> None:
    for _ in range(FAILURES + 1):
        assert breaking.ask({"age": "old"}).status_code == 422
    assert breaking.ask().status_code == 201
