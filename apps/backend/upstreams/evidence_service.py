"""The evidence service over HTTP: registry, evidence and audits.

A request ends with the answer, whatever its status, or with a problem:

| code | when | status |
|---|---|---|
| `evidence_service_away` | it cannot be reached, did not answer in time, or failed again and again | 503 |
| `evidence_service_busy` | it asks to come again later | 503 |
| `evidence_service_misconfigured` | it does not know this backend's key, or the key lacks a scope | 503 |
| `evidence_service_broken` | its answer is not what its contract promises | 503 |
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
import structlog

from apps.backend.observation.request_ids import HEADER, REQUEST_ID
from apps.backend.problems import ProblemError, unavailable
from apps.backend.settings import Settings
from apps.backend.upstreams.breaker import CircuitBreaker, OpenCircuitError

LOG = structlog.get_logger("backend")
ANSWER_SECONDS = 30.0
"""For one request with all its tries, if it names no other time."""

CONNECT_SECONDS = 2.0
ANSWER_BYTES = 8 << 20
TRIES = 3
FIRST_PAUSE_SECONDS = 0.1
CONNECTIONS = 50
IDLE_CONNECTIONS = 20
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
LATER = frozenset((429, 503))
JSON_TYPE = "application/json"
UNKNOWN_HERE = frozenset((401, 403))
SECONDS = re.compile(r"[0-9]{1,5}")
Params = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: httpx.Headers
    content: bytes


class Download:
    """An answer whose body comes in pieces."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code

    def require(self, expected_bytes: int) -> None:
        """Refuse a body whose head tells that it is compressed, or of another length.

        Raises
        ------
        EvidenceServiceError
            It tells so.
        """
        require_plain(self._response, expected_bytes)
        if self._response.headers.get("content-length", str(expected_bytes)) != str(expected_bytes):
            raise broken("a body of another length than was said before")

    async def pieces(self, expected_bytes: int, seconds: float) -> AsyncIterator[bytes]:
        """Yield the body, which has `expected_bytes` and comes within `seconds`.

        Raises
        ------
        EvidenceServiceError
            It has more or fewer, takes longer, or the service went away.
        """
        until, size = time.monotonic() + seconds, 0
        try:
            async for piece in self._response.aiter_raw():
                size += len(piece)
                if size > expected_bytes or time.monotonic() > until:
                    raise broken("a body that is too long or takes too long")
                yield piece
        except httpx.TransportError as error:
            raise away(was_sent=True) from error
        if size != expected_bytes:
            raise broken("a body that is too short")


class EvidenceServiceError(ProblemError):
    """The service gave no answer that can be used. `was_sent`: it may have done what was asked all the same."""

    def __init__(self, problem: ProblemError, was_sent: bool, retry_after: float | None = None) -> None:
        super().__init__(problem.status, problem.code, problem.detail, problem.errors, problem.headers)
        self.was_sent, self.retry_after = was_sent, retry_after


class _NoAnswerError(Exception):
    """A try brought no answer, or a gateway's in place of the service's."""

    def __init__(self, was_sent: bool) -> None:
        super().__init__("no answer")
        self.was_sent = was_sent


class EvidenceService:
    """Asks the evidence service; to be used in one event loop. `http` and `breaker` are shared by all that ask it."""

    def __init__(self, settings: Settings, breaker: CircuitBreaker | None = None) -> None:
        headers = {"Accept-Encoding": "identity"}
        if settings.evidence_key is not None:
            headers["Authorization"] = f"Bearer {settings.evidence_key}"
        self.http = httpx.AsyncClient(
            base_url=settings.evidence,
            headers=headers,
            timeout=_timeout(ANSWER_SECONDS),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=IDLE_CONNECTIONS),
            trust_env=False,
        )
        self.breaker = breaker or CircuitBreaker()

    async def get(
        self,
        path: str,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = ANSWER_BYTES,
        seconds: float = ANSWER_SECONDS,
    ) -> Reply:
        """Read; tried up to three times, with pauses, where the service cannot be reached or asks to come again.

        Parameters
        ----------
        most_bytes
            A longer answer is broken.
        seconds
            For all tries together.

        Raises
        ------
        EvidenceServiceError
            See the module. Any other answer, 404 among them, is returned.
        """
        request = self.http.build_request(
            "GET", path, params=params, headers=_headers(headers), timeout=_timeout(seconds)
        )
        deadline = time.monotonic() + seconds
        for tries_left in reversed(range(TRIES)):
            try:
                return await self._asked(request, most_bytes, deadline)
            except EvidenceServiceError as error:
                pause = _pause(error, TRIES - tries_left)
                if not tries_left or pause is None or time.monotonic() + pause >= deadline:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def post(
        self, path: str, body: object, headers: Mapping[str, str] | None = None, seconds: float = ANSWER_SECONDS
    ) -> Reply:
        """Ask once for something to be done.

        Raises
        ------
        EvidenceServiceError
            See the module. Any other answer is returned.
        """
        request = self.http.build_request("POST", path, json=body, headers=_headers(headers), timeout=_timeout(seconds))
        return await self._asked(request, ANSWER_BYTES, time.monotonic() + seconds)

    @asynccontextmanager
    async def streaming(self, path: str) -> AsyncIterator["Download"]:
        """Yield an answer whose body is still to be read, and close it at the end.

        Raises
        ------
        EvidenceServiceError
            See the module.
        """
        request = self.http.build_request("GET", path, headers=_headers(None))
        response = await self._opened(request, time.monotonic() + ANSWER_SECONDS)
        try:
            yield Download(response)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def _asked(self, request: httpx.Request, most_bytes: int, deadline: float) -> Reply:
        response = await self._opened(request, deadline)
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                content = await bounded(response, most_bytes)
        except (httpx.TransportError, TimeoutError) as error:
            raise away(was_sent=True) from error
        finally:
            await response.aclose()
        return Reply(response.status_code, response.headers, content)

    async def _opened(self, request: httpx.Request, deadline: float) -> httpx.Response:
        """Return an answer of the service whose body is still to be read; statuses that are problems are raised."""
        try:
            with self.breaker.asking((_NoAnswerError,), (EvidenceServiceError,)):
                response = await self._sent(request, deadline)
                try:
                    _require_answer(response)
                except BaseException:
                    await response.aclose()
                    raise
                return response
        except OpenCircuitError as error:
            raise away(was_sent=False, retry_after=error.seconds) from error
        except _NoAnswerError as error:
            raise away(error.was_sent) from error

    async def _sent(self, request: httpx.Request, deadline: float) -> httpx.Response:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self.http.send(request, stream=True)
        except (httpx.TransportError, TimeoutError) as error:
            raise _NoAnswerError(was_sent=not isinstance(error, NEVER_SENT)) from error


def away(was_sent: bool, retry_after: float | None = None) -> EvidenceServiceError:
    """Return the problem of a service that does not answer; `retry_after` in seconds, where it is known."""
    detail = "The evidence service does not answer. Ask again later."
    return EvidenceServiceError(unavailable("evidence_service_away", detail, retry_after), was_sent, retry_after)


def broken(what: str) -> EvidenceServiceError:
    """Return the problem of an answer that is not what the contract promises, and log it; `what`: no foreign text."""
    LOG.error("evidence service broken", what=what)
    detail = "The evidence service gave an answer that is not what it promises. Its operator finds more in the log."
    return EvidenceServiceError(unavailable("evidence_service_broken", detail, 60.0), was_sent=True)


def _require_answer(response: httpx.Response) -> None:
    status = response.status_code
    if _is_of_a_gateway(response):
        raise _NoAnswerError(was_sent=True)
    if status in UNKNOWN_HERE:
        LOG.error("evidence service refuses this backend's key", status=status)
        detail = "The evidence service does not let this backend in. Its operator mends FAIRMIND_EVIDENCE_KEY."
        raise EvidenceServiceError(unavailable("evidence_service_misconfigured", detail, 60.0), was_sent=False)
    if status in LATER:
        seconds = _retry_after(response)
        problem = unavailable("evidence_service_busy", "The evidence service is busy. Ask again later.", seconds)
        raise EvidenceServiceError(problem, was_sent=status != HTTPStatus.TOO_MANY_REQUESTS, retry_after=seconds or 0.0)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or (300 <= status < 400 and status != HTTPStatus.NOT_MODIFIED):
        raise broken(f"status {status}")


def _is_of_a_gateway(response: httpx.Response) -> bool:
    """Tell whether a gateway says that the service is away; 502 in JSON the service itself says, of what is damaged."""
    is_bad = response.status_code == HTTPStatus.BAD_GATEWAY and response.headers.get("content-type") != JSON_TYPE
    return is_bad or response.status_code == HTTPStatus.GATEWAY_TIMEOUT


def _pause(error: EvidenceServiceError, tries: int) -> float | None:
    """Return the seconds before the next try: what the service asked for, and a part of chance; None: no more tries."""
    ceiling = FIRST_PAUSE_SECONDS * 2 ** (tries - 1)
    chance = random.uniform(0.0, ceiling)  # noqa: S311 (no secret)
    if error.code == "evidence_service_busy":
        return (error.retry_after or 0.0) + chance
    is_unreached = error.code == "evidence_service_away" and error.retry_after is None
    return chance if is_unreached else None


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "").strip()
    return float(text) if SECONDS.fullmatch(text) else None


async def bounded(response: httpx.Response, most_bytes: int) -> bytes:
    """Return the body of an answer that is plain and no longer than `most_bytes`.

    Raises
    ------
    EvidenceServiceError
        It is not.
    """
    require_plain(response, most_bytes)
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > most_bytes:
            raise broken("an answer that is too long")
    return bytes(content)


def require_plain(response: httpx.Response, most_bytes: int) -> None:
    """Refuse a body that is compressed, which was not asked for, or announced to be longer than `most_bytes`.

    Raises
    ------
    EvidenceServiceError
        It is.
    """
    if response.headers.get("content-encoding", "identity") != "identity":
        raise broken("a compressed answer")
    length = response.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most_bytes:
        raise broken("an answer that is too long")


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=CONNECT_SECONDS)


def _headers(given: Mapping[str, str] | None) -> dict[str, Any]:
    request = REQUEST_ID.get()
    return {**(given or {}), **({} if request is None else {HEADER: request})}
