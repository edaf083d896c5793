"""Asking the evidence service: what is tried again, what is not, and what clients are told."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from apps.backend.observation.request_ids import REQUEST_ID
from apps.backend.settings import Settings
from apps.backend.tests.models.scripted_registry import Fault, ScriptedRegistry, half, held, refusal
from apps.backend.tests.product import NOWHERE
from apps.backend.upstreams.breaker import CircuitBreaker
from apps.backend.upstreams.evidence_service import EvidenceService, EvidenceServiceError, Reply

PATH = "/v1/registry/models"


@pytest.fixture
def registry(running: ScriptedRegistry) -> ScriptedRegistry:
    running.reset()
    return running


def ask(address: str, work: Callable[[EvidenceService], Awaitable[Any]], breaker: CircuitBreaker | None = None) -> Any:
    """Do something with a service of its own."""

    async def asked() -> Any:
        service = EvidenceService(Settings(evidence=address, evidence_key="key-of-the-backend"), breaker)
        try:
            return await work(service)
        finally:
            await service.close()

    return asyncio.run(asked())


def refused(address: str, work: Callable[[EvidenceService], Awaitable[Any]]) -> EvidenceServiceError:
    with pytest.raises(EvidenceServiceError, match="evidence service") as caught:
        ask(address, work)
    return caught.value


def get(service: EvidenceService) -> Awaitable[Reply]:
    return service.get(PATH)


def post(service: EvidenceService) -> Awaitable[Reply]:
    return service.post(f"{PATH}/loans/promotions", {"version": "2", "reason": "r"})


def test_the_key_and_the_request_id_go_along(registry: ScriptedRegistry) -> None:
    token = REQUEST_ID.set("mine-2")
    try:
        assert ask(registry.address, get).status == 200
    finally:
        REQUEST_ID.reset(token)
    headers = registry.asked[0].headers
    assert (headers["authorization"], headers["x-request-id"]) == ("Bearer key-of-the-backend", "mine-2")


@pytest.mark.parametrize("answer", [refusal(503, "busy"), refusal(429, "busy"), half(), JSONResponse({}, 504)])
def test_reading_is_tried_again(registry: ScriptedRegistry, answer: Any) -> None:
    registry.faults = [Fault("GET", "models", answer)] * 2
    assert ask(registry.address, get).status == 200
    assert len(registry.asked) == 3


def test_reading_is_tried_three_times_at_most(registry: ScriptedRegistry) -> None:
    registry.faults = [Fault("GET", "models", refusal(503, "busy")) for _ in range(4)]
    error = refused(registry.address, get)
    assert (error.code, error.headers["Retry-After"], len(registry.asked)) == ("evidence_service_busy", "5", 3)


def test_a_named_pause_is_kept(registry: ScriptedRegistry) -> None:
    registry.faults = [Fault("GET", "models", refusal(503, "busy", retry_after="1"))]
    began = time.monotonic()
    assert ask(registry.address, get).status == 200
    assert time.monotonic() - began >= 1.0


def test_a_pause_beyond_the_deadline_is_told_to_the_client(registry: ScriptedRegistry) -> None:
    registry.faults = [Fault("GET", "models", refusal(429, "busy", retry_after="70"))]
    error = refused(registry.address, get)
    assert (error.headers["Retry-After"], len(registry.asked)) == ("70", 1)


@pytest.mark.parametrize("answer", [refusal(503, "busy"), half(), refusal(500, "failed")])
def test_changing_is_tried_once(registry: ScriptedRegistry, answer: Any) -> None:
    registry.faults = [Fault("POST", "promotions", answer)]
    assert refused(registry.address, post).was_sent
    assert len(registry.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_an_unknown_key_is_the_operators_affair(registry: ScriptedRegistry, status: int) -> None:
    registry.faults = [Fault("GET", "models", refusal(status, "no"))]
    error = refused(registry.address, get)
    assert (error.status, error.code, error.was_sent) == (503, "evidence_service_misconfigured", False)
    assert "key-of-the-backend" not in error.detail
    assert len(registry.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refusal(500, "failed"),
        refusal(502, "damaged"),
        Response(status_code=302, headers={"Location": "http://127.0.0.1:9/"}),
        Response(b"x", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_broken_answer_is_not_asked_for_again(registry: ScriptedRegistry, answer: Response) -> None:
    registry.faults = [Fault("GET", "models", answer)]
    assert refused(registry.address, get).code == "evidence_service_broken"
    assert len(registry.asked) == 1


@pytest.mark.parametrize("told", [True, False])
def test_an_answer_that_is_too_long_is_not_read(registry: ScriptedRegistry, told: bool) -> None:
    async def pieces() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    from starlette.responses import StreamingResponse

    registry.faults = [Fault("GET", "models", Response(b"x" * 2000) if told else StreamingResponse(pieces()))]
    assert refused(registry.address, lambda service: service.get(PATH, most_bytes=1000)).code.endswith("broken")


def test_nobody_waits_longer_than_the_deadline(registry: ScriptedRegistry) -> None:
    word = threading.Event()
    registry.faults = [Fault("GET", "models", held(word, JSONResponse({"models": []}))) for _ in range(3)]
    try:
        error = refused(registry.address, lambda service: service.get(PATH, seconds=0.2))
    finally:
        word.set()  # an answer would have come hereafter
    assert (error.code, error.was_sent) == ("evidence_service_away", True)


def test_who_is_nowhere_was_not_asked() -> None:
    error = refused(NOWHERE, post)
    assert (error.code, error.was_sent) == ("evidence_service_away", False)


def test_a_service_that_fails_again_and_again_is_left_alone(registry: ScriptedRegistry) -> None:
    now = [0.0]
    breaker = CircuitBreaker(failures=3, open_seconds=5.0, clock=lambda: now[0])

    async def work(service: EvidenceService) -> tuple[int, str, int]:
        registry.faults = [Fault("GET", "models", JSONResponse({}, 504, media_type="text/html")) for _ in range(3)]
        for _ in range(2):
            with pytest.raises(EvidenceServiceError, match="does not answer") as caught:
                await service.get(PATH)
        asked = len(registry.asked)
        now[0] = 6.0
        return asked, caught.value.headers["Retry-After"], (await service.get(PATH)).status

    assert ask(registry.address, work, breaker) == (3, "5", 200)
    assert breaker.state == "closed"


def test_a_damaged_version_does_not_close_the_service_to_others(registry: ScriptedRegistry) -> None:
    breaker = CircuitBreaker(failures=1)

    async def work(service: EvidenceService) -> int:
        registry.faults = [Fault("GET", "models", refusal(502, "damaged"))]
        with pytest.raises(EvidenceServiceError, match="not what it promises"):
            await service.get(PATH)
        return (await service.get(PATH)).status

    assert ask(registry.address, work, breaker) == 200


def test_other_refusals_are_answers(registry: ScriptedRegistry) -> None:
    registry.faults = [Fault("GET", "models", refusal(409, "not_comparable"))]
    assert ask(registry.address, get).status == 409
