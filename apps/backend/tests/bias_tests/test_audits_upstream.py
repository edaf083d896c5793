"""The way to the engine: what it answers well, half, oddly, late or not at all."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from apps.backend.problems import ProblemError
from apps.backend.settings import Settings
from apps.backend.tests.bias_tests.scripted_evidence import (
    DIGEST,
    Asked,
    ScriptedEvidence,
    as_json,
    half,
    refusal,
    running_evidence,
)
from apps.backend.tests.product import PATIENCE_SECONDS, StandingClock
from apps.backend.upstreams.audits import Audits, TableFile
from apps.backend.upstreams.breaker import CircuitBreaker
from apps.backend.upstreams.evidence_service import EvidenceService

OPTIONS = {"sensitive": ["sex"], "gate": ["fairness.*.accuracy_difference<=0.2"]}
NAMES = {"label": "ground_truth_column"}


@pytest.fixture(scope="module")
def service() -> Iterator[ScriptedEvidence]:
    """The scripted service."""
    with running_evidence() as running:
        yield running


@pytest.fixture
def table(tmp_path: Path, service: ScriptedEvidence) -> TableFile:
    """A file of some pieces."""
    service.forget()
    path = tmp_path / "table"
    path.write_bytes(b"sex,approved\n" + b"a,1\n" * 200_000)
    return TableFile(path, "text/csv")


def asking(
    service: ScriptedEvidence | str,
    table: TableFile,
    times: int = 1,
    breaker: CircuitBreaker | None = None,
    **seconds: float,
) -> list[Any]:
    """Ask for audits one after another, and return what each brought: an answer or a problem."""

    async def ask() -> list[Any]:
        address = service if isinstance(service, str) else service.address
        evidence = EvidenceService(Settings(evidence=address, evidence_key="k" * 20), breaker)
        audits = Audits(evidence, **seconds)
        found: list[Any] = []
        try:
            for _ in range(times):
                try:
                    found.append(await audits.audit(table, OPTIONS, NAMES))
                except ProblemError as problem:
                    found.append(problem)
        finally:
            await evidence.close()
        return found

    return asyncio.run(ask())


def only(found: list[Any]) -> ProblemError:
    assert len(found) == 1
    problem = found[0]
    assert isinstance(problem, ProblemError)
    return problem


def test_the_file_goes_up_as_it_is(service: ScriptedEvidence, table: TableFile) -> None:
    answer = asking(service, table)[0]
    assert (answer.rows, answer.evidence) == (1000, DIGEST)
    asked = service.asked[0]
    assert asked.body == table.path.read_bytes()
    assert asked.headers["content-length"] == str(table.path.stat().st_size)
    assert "transfer-encoding" not in asked.headers
    assert asked.headers["authorization"] == f"Bearer {'k' * 20}"
    assert asked.query == [("sensitive", "sex"), ("gate", "fairness.*.accuracy_difference<=0.2")]


def test_a_refusal_speaks_the_words_of_the_client(service: ScriptedEvidence, table: TableFile) -> None:
    finding = {
        "code": "outcome",
        "problem": "values that `label` does not explain, as `labelled` would",
        "column": "repaid",
        "rows": 1,
        "expected": "`label`",
    }
    service.audits = lambda _: refusal(422, "Name `label`, as `findings` lists.", finding)
    problem = only(asking(service, table))
    assert (problem.status, problem.code, problem.detail) == (
        422,
        "misfit",
        "Name `ground_truth_column`, as `errors` lists.",
    )
    misfit = problem.errors[0]
    assert misfit.location == "file.repaid"
    assert misfit.problem == "values that `ground_truth_column` does not explain, as `labelled` would (1 row)"
    assert misfit.expected == "`ground_truth_column`"


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [
        (413, 413, "too_large"),
        (415, 415, "unknown_file_kind"),
        (401, 503, "evidence_service_misconfigured"),
        (403, 503, "evidence_service_misconfigured"),
        (404, 503, "evidence_service_broken"),
        (400, 503, "evidence_service_broken"),
        (500, 503, "evidence_service_broken"),
        (302, 503, "evidence_service_broken"),
        (502, 503, "evidence_service_away"),
        (503, 503, "evidence_service_busy"),
        (429, 503, "evidence_service_busy"),
        (408, 503, "evidence_service_busy"),
    ],
)
def test_every_status_is_a_problem_of_its_own(
    service: ScriptedEvidence, table: TableFile, status: int, expected: int, code: str
) -> None:
    service.audits = lambda _: refusal(status, "secret words of the service")
    problem = only(asking(service, table))
    assert (problem.status, problem.code) == (expected, code)
    assert "secret" not in problem.detail
    assert ("Retry-After" in problem.headers) == (expected == 503)


@pytest.mark.parametrize(("given", "expected"), [("7", "7"), ("99999", "300"), ("soon", "5"), ("-1", "5")])
def test_a_busy_service_says_when_to_come_again(
    service: ScriptedEvidence, table: TableFile, given: str, expected: str
) -> None:
    service.audits = lambda _: refusal(503, "busy", **{"Retry-After": given})
    assert only(asking(service, table)).headers["Retry-After"] == expected


def test_an_audit_that_the_service_ended_is_told_apart(service: ScriptedEvidence, table: TableFile) -> None:
    service.audits = lambda _: refusal(503, "too long", code="audit_too_long")
    problem = only(asking(service, table))
    assert (problem.status, problem.code) == (503, "audit_takes_too_long")
    assert "fewer rows" in problem.detail
    service.audits = lambda _: Response("<html>", 503)
    assert only(asking(service, table)).code == "evidence_service_busy"


def odd(service: ScriptedEvidence, **changes: Any) -> Any:
    return lambda asked: as_json(service.audit_of(asked) | changes)


ODD: dict[str, Any] = {
    "no JSON": lambda _: lambda _: Response("<html>"),
    "NaN": lambda service: odd(service, rows=1, performance={"value": float("nan")}),
    "no rows": lambda service: odd(service, rows=-1),
    "no digest": lambda service: odd(service, evidence=""),
    "other verdict": lambda service: odd(service, gates={"verdict": "MAYBE", "gates": {}}),
    "a list": lambda _: lambda _: as_json([1]),
    "deep": lambda _: lambda _: Response("[" * 100_000),
    "compressed": lambda _: lambda _: Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    "too long": lambda _: lambda _: Response(b" " * (65 << 20)),
    "no words": lambda _: lambda _: as_json([]).__class__("{}", 422),
}


@pytest.mark.parametrize("answering", ODD.values(), ids=ODD)
def test_an_odd_answer_is_a_broken_service(service: ScriptedEvidence, table: TableFile, answering: Any) -> None:
    service.audits = answering(service)
    problem = only(asking(service, table))
    assert (problem.status, problem.code) == (503, "evidence_service_broken")


def test_half_an_answer_is_none(service: ScriptedEvidence, table: TableFile) -> None:
    service.audits = lambda _: half()
    assert only(asking(service, table)).code == "evidence_service_away"


def test_an_audit_has_its_time(service: ScriptedEvidence, table: TableFile) -> None:
    word = threading.Event()

    async def slow(asked: Asked) -> Any:
        await asyncio.to_thread(word.wait, PATIENCE_SECONDS)
        return service.audit_of(asked)

    service.audits = slow
    breaker = CircuitBreaker(failures=1)
    try:
        problem = only(asking(service, table, breaker=breaker, audit_seconds=0.2))
    finally:
        word.set()
    assert (problem.status, problem.code) == (503, "audit_takes_too_long")
    assert int(problem.headers["Retry-After"]) >= 1
    assert breaker.state == "closed"
    assert asking(service, table)[0].rows == 1000


def test_nobody_there_opens_the_circuit(table: TableFile) -> None:
    breaker = CircuitBreaker(failures=3, open_seconds=60, clock=StandingClock(0.0))
    problems = asking("http://127.0.0.1:9", table, times=4, breaker=breaker)
    assert {problem.code for problem in problems} == {"evidence_service_away"}
    assert breaker.state == "open"
    assert problems[-1].headers["Retry-After"] == "60"


def test_a_short_request_tries_after_failures(service: ScriptedEvidence, table: TableFile) -> None:
    breaker = CircuitBreaker(failures=1, open_seconds=0)
    asking("http://127.0.0.1:9", table, breaker=breaker)
    states = [breaker.state]
    assert asking(service, table, breaker=breaker)[0].rows == 1000
    assert [asked.path for asked in service.asked] == ["/healthz", "/v1/audits"]
    assert [*states, breaker.state] == ["half-open", "closed"]


def test_a_service_that_hangs_up_at_once_is_away(table: TableFile) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_SECONDS)

        async def hang_up() -> Any:
            loop = asyncio.get_running_loop()
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            evidence = EvidenceService(Settings(evidence=address))
            try:
                asked = asyncio.create_task(Audits(evidence).audit(table, OPTIONS, NAMES))
                connection, _ = await loop.run_in_executor(None, listening.accept)
                connection.close()
                with pytest.raises(ProblemError, match="does not answer") as raised:
                    await asked
                return raised.value
            finally:
                await evidence.close()

        assert asyncio.run(hang_up()).code == "evidence_service_away"


def test_a_file_that_is_not_there_is_no_failure_of_the_service(service: ScriptedEvidence, table: TableFile) -> None:
    table.path.unlink()
    breaker = CircuitBreaker(failures=1)
    with pytest.raises(FileNotFoundError):
        asking(service, table, breaker=breaker)
    assert breaker.state == "closed"
