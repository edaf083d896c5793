"""A model server that fails: a clear problem in bounded time, no decision, and the audit log knows why."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from itertools import count, islice
from threading import Event

import httpx
import pytest

from apps.backend.observation import metrics
from apps.backend.settings import Settings
from apps.backend.tests.decisions import model_server as scripted
from apps.backend.tests.decisions.conftest import Office, patient_for
from apps.backend.tests.decisions.model_server import EXPLAIN, MODELS, POOR, ModelServer, Step
from apps.backend.tests.product import (
    PATIENCE_SECONDS,
    Product,
    StandingClock,
    running_backend,
    small_settings,
    until,
)
from apps.backend.upstreams import model_server as upstream
from apps.backend.upstreams.breaker import CircuitBreaker
from apps.ml.deployment.client import Retries

SECONDS = 1.0
"""How long a backend waits for a server that never answers."""

MOST_SECONDS = 30.0
"""Much more than that, for slow machines, and less than any other patience in these tests."""

LONG_SECONDS = 25.0
"""How long a backend waits for one that does, however slow the machine is."""

LATER = "29"
"""Seconds after which the server wants to be asked again: more than anybody waits."""

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
    "busy": scripted.refusal(503, "busy", Retry_After=LATER),
    "too often": scripted.refusal(429, "rate_exceeded", Retry_After=LATER),
    "a proxy": scripted.answer(b"<html>", 503, Retry_After=LATER),
}
CASES = [
    pytest.param(step, code, id=f"{code}: {name}")
    for code, steps in (
        ("broken", BROKEN), ("away", AWAY), ("misconfigured", MISCONFIGURED), ("refusing", REFUSING)
    )
    for name, step in steps.items()
]  # fmt: skip


@pytest.fixture(scope="module")
def failing() -> Iterator[ModelServer]:
    with scripted.model_server() as server:
        yield server


@pytest.fixture(scope="module")
def products(failing: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[float, Product]]:
    """Two backends whose circuit never opens, by how long they wait."""
    with ExitStack() as running:

        def waiting(seconds: float) -> Product:
            settings = small_settings(tmp_path_factory.mktemp("waiting"), model_server=failing.address)
            change = patient_for(seconds, settings, CircuitBreaker(failures=10**6))
            return running.enter_context(running_backend(settings, change))

        yield {seconds: waiting(seconds) for seconds in (SECONDS, LONG_SECONDS)}


def office_of(product: Product, failing: ModelServer) -> Office:
    failing.reset()
    return Office(product, failing, product.organisation(f"failing {next(NAMES)}"))


@pytest.fixture
def office(products: dict[float, Product], failing: ModelServer) -> Office:
    """An office whose backend waits."""
    return office_of(products[LONG_SECONDS], failing)


@pytest.fixture
def impatient(products: dict[float, Product], failing: ModelServer) -> Office:
    """An office whose backend waits a second."""
    return office_of(products[SECONDS], failing)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def breaking(failing: ModelServer, clock: StandingClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office whose circuit opens after three failures, and closes by the clock."""
    settings = small_settings(tmp_path_factory.mktemp("breaking"), model_server=failing.address)
    breaker = CircuitBreaker(FAILURES, OPEN_SECONDS, clock)
    failing.reset()
    with running_backend(settings, patient_for(LONG_SECONDS, settings, breaker)) as running:
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
    require_failure(office, step, code)


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
def test_nobody_waits_for_a_server_that_comes_to_no_end(impatient: Office, step: Step) -> None:
    with bounded():
        require_failure(impatient, step, "slow")


@contextmanager
def bounded() -> Iterator[None]:
    """Require an end that the deadline brings about, and nothing else that ends."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < MOST_SECONDS


def require_failure(office: Office, step: Step, code: str) -> None:
    office.models.always[EXPLAIN] = step
    counted = calls(code)
    require_no_decision(office, office.ask(POOR, subject="Jane Doe"), code)
    assert calls(code) == counted + 1


def test_nobody_listens(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = small_settings(tmp_path_factory.mktemp("nobody"))
    with running_backend(settings) as running, scripted.model_server() as unused:
        office = Office(running, unused, running.organisation("nobody"))
        require_no_decision(office, office.ask(), "away")


def test_it_says_when_the_model_server_wants_to_be_asked_again(office: Office) -> None:
    office.models.always[EXPLAIN] = scripted.refusal(503, "busy", Retry_After=LATER)
    assert office.ask().headers["retry-after"] == LATER


def test_a_short_failure_is_not_seen(office: Office) -> None:
    office.models.steps[EXPLAIN] = [scripted.hang_up, scripted.refusal(503, "busy", Retry_After="0")]
    assert office.ask().status_code == 201
    assert len(office.models.bodies(EXPLAIN)) == 3


def test_a_server_that_hung_once_is_asked_again_in_time(failing: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert upstream.SHARE_OF_ONE_TRY < 0.5, "a second try has as much time as the first"
    assert upstream.RETRIES.tries > 1
    # Short tries, and as many as a slow machine needs.
    monkeypatch.setattr(upstream, "SHARE_OF_ONE_TRY", 0.4 / LONG_SECONDS)
    monkeypatch.setattr(upstream, "RETRIES", Retries(tries=1000, first_pause=0.1, longest_pause=0.1))
    failing.reset()
    failing.steps[EXPLAIN] = [scripted.say_nothing]

    async def ask() -> str | None:
        models = upstream.ModelServer(Settings(model_server=failing.address), seconds=LONG_SECONDS)
        try:
            return (await models.explain("loans", scripted.APPLICATION)).version
        finally:
            await models.close()

    assert asyncio.run(ask()) == "3"
    assert len(failing.bodies(EXPLAIN)) > 1


def test_the_description_of_a_version_counts_into_the_same_deadline(impatient: Office) -> None:
    impatient.models.version = "described by nobody"
    impatient.models.always = {MODELS: scripted.say_nothing}
    with bounded():
        require_no_decision(impatient, impatient.ask(), "slow")


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
        models = upstream.ModelServer(Settings(model_server=failing.address), seconds=PATIENCE_SECONDS)
        asking = [asyncio.create_task(models.explain("loans", {"age": number})) for number in range(2)]
        try:
            await asyncio.to_thread(until, lambda: len(failing.bodies(EXPLAIN)) == 2)
            models._seconds = 0.2  # of those who come now
            calls = [models.explain("loans", {"age": number}) for number in range(2, 6)]
            ended = await asyncio.gather(*calls, return_exceptions=True)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            await models.close()
        return [getattr(error, "code", "") for error in ended]

    assert asyncio.run(ask()) == ["model_server_slow"] * 4
    assert sorted(body["instances"][0]["age"] for body in failing.bodies(EXPLAIN)) == [0, 1]


def test_the_circuit_opens_answers_at_once_and_closes_when_the_server_is_back(
    breaking: Office, clock: StandingClock
) -> None:
    breaking.models.always[EXPLAIN] = scripted.answer(b"<html>")
    for _ in range(FAILURES):
        assert breaking.ask().json()["code"] == "model_server_broken"
    asked = len(breaking.models.asked)
    answered = breaking.ask()
    assert (answered.status_code, answered.json()["code"]) == (503, "model_server_away")
    assert answered.headers["retry-after"] == "2"
    assert len(breaking.models.asked) == asked
    assert [entry.about["code"] for entry in breaking.logged("decision.failed")][-1] == "model_server_away"
    breaking.models.reset()
    clock.seconds += OPEN_SECONDS
    assert breaking.ask().status_code == 201
    assert breaking.product.parts.model_server.breaker.state == "closed"


def test_while_the_circuit_is_half_open_one_request_tries(breaking: Office, clock: StandingClock) -> None:
    breaking.models.always[EXPLAIN] = scripted.answer(b"<html>")
    for _ in range(FAILURES):
        breaking.ask()
    breaking.models.reset()
    word = Event()
    breaking.models.steps[EXPLAIN] = [scripted.held(word, scripted.explain_well)]
    clock.seconds += OPEN_SECONDS
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(breaking.ask) for _ in range(10)]
        try:
            early = [done.result().status_code for done in islice(as_completed(asked, PATIENCE_SECONDS), 9)]
        finally:
            word.set()  # whoever tries has its answer after everybody else
    assert early == [503] * 9
    assert sorted(done.result().status_code for done in asked) == [201, *early]
    assert len(breaking.models.bodies(EXPLAIN)) == 1


def test_a_caller_who_hangs_up_during_the_trial_leaves_nothing_stuck(breaking: Office, clock: StandingClock) -> None:
    breaker = breaking.product.parts.model_server.breaker
    breaking.models.always[EXPLAIN] = scripted.answer(b"<html>")
    for _ in range(FAILURES):
        breaking.ask()
    breaking.models.reset()
    breaking.models.steps[EXPLAIN] = [scripted.say_nothing]
    clock.seconds += OPEN_SECONDS

    async def hang_up() -> None:
        asking = asyncio.ensure_future(breaking.product.parts.model_server.explain("loans", {"age": 1}))
        await asyncio.to_thread(until, lambda: breaking.models.bodies(EXPLAIN))
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
