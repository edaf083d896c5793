"""Audits and inspections of tables by the evidence service: the file goes up from the disk, piece by piece.

A request ends with the answer or with a problem:

| code | when | status |
|---|---|---|
| `misfit` | file or options do not fit; `errors` says where, in how many rows and what is expected | 422 |
| `too_large` | the file is larger than the service reads | 413 |
| `unknown_file_kind` | the service reads no such files | 415 |
| `evidence_service_away`, `…_busy`, `…_misconfigured`, `…_broken` | as in `evidence_service` | 503 |
| `audit_takes_too_long` | no answer within the time that is given | 503 |
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn, TypeVar

import httpx
import structlog
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from apps.backend.observation.request_ids import HEADER, REQUEST_ID
from apps.backend.problems import Misfit, ProblemError, unavailable
from apps.backend.upstreams.breaker import OpenCircuitError
from apps.backend.upstreams.evidence_service import (
    CONNECT_SECONDS,
    EvidenceService,
    EvidenceServiceError,
    away,
    bounded,
    broken,
)
from apps.backend.upstreams.strict_json import strict_json

LOG = structlog.get_logger("backend")
AUDIT_SECONDS = 300.0
TABLE_SECONDS = 120.0
PROBE_SECONDS = 2.0
PIECE_BYTES = 1 << 18
AUDIT_BYTES = 64 << 20
TABLE_BYTES = 8 << 20
REFUSAL_BYTES = 1 << 20
MOST_MISFITS = 50
MOST_ROWS = 10**15
MOST_RETRY_SECONDS = 300.0
REFUSALS = frozenset((413, 415, 422, 503))
"""Of a file, of options, or of the moment: what they say is read."""

LATER = HTTPStatus.SERVICE_UNAVAILABLE
TOO_LONG = "audit_too_long"
SECONDS = re.compile(r"[0-9]{1,5}")

Options = Mapping[str, str | Sequence[str]]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
ColumnType = Literal["integer", "number", "boolean", "string"]


@dataclass(frozen=True)
class TableFile:
    """A file on this machine's disk and what it is: `text/csv` or `application/vnd.apache.parquet`."""

    path: Path
    media_type: str


class _Read(BaseModel):
    """Part of an answer; what this code does not know is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TableColumn(_Read):
    """A column of a table."""

    name: str
    type: ColumnType


class InspectedTable(_Read):
    """What `POST /v1/tables` tells of a file. `preview`: the first rows as column → value."""

    rows: int = Field(ge=0, le=MOST_ROWS)
    columns: list[TableColumn]
    preview: list[dict[str, str | int | FiniteFloat | bool | None]]


class Measurement(_Read):
    """A number with its interval, or why there is none. `n`: rows that entered; `rate`: in which rate two groups
    differ most; `lowest`, `highest`: those groups."""

    value: FiniteFloat | None
    undefined: str | None = None
    lower: FiniteFloat | None = None
    upper: FiniteFloat | None = None
    simultaneous_lower: FiniteFloat | None = None
    simultaneous_upper: FiniteFloat | None = None
    n: int | None = None
    lowest: str | None = None
    highest: str | None = None
    rate: str | None = None


class Judged(_Read):
    """What a gate or guard says of one measurement."""

    verdict: Verdict
    reason: str
    value: FiniteFloat | None = None
    lower: FiniteFloat | None = None
    upper: FiniteFloat | None = None
    n: int | None = None
    confidence: FiniteFloat | None = None
    rows_to_decide: int | None = None
    p_value: FiniteFloat | None = None
    adjusted_p_value: FiniteFloat | None = None
    family: int | None = None


class GateAnswer(_Read):
    """A gate or guard over all its measurements."""

    verdict: Verdict
    reason: str
    measurements: dict[str, Judged] = {}


class GatesAnswer(_Read):
    """All gates and guards, and their verdict together."""

    verdict: Verdict
    gates: dict[str, GateAnswer]
    guards: dict[str, GateAnswer] = {}


class AuditAnswer(_Read):
    """What `POST /v1/audits` answers. `evidence`: digest of `record`, which is there where it was asked for."""

    rows: int = Field(ge=0, le=MOST_ROWS)
    evidence: str = Field(pattern=r"^[^\x00-\x1f]{1,200}$")
    notes: list[str] = []
    fairness: dict[str, dict[str, Any]]
    gates: GatesAnswer | None
    record: dict[str, Any] | None = None


Answer = TypeVar("Answer", bound=_Read)


class Audits:
    """Asks for audits; to be used in one event loop, over the connections and the breaker of the evidence service.

    `audit_seconds`, `table_seconds`: how long one may take, the way up included.
    """

    def __init__(
        self, evidence: EvidenceService, audit_seconds: float = AUDIT_SECONDS, table_seconds: float = TABLE_SECONDS
    ) -> None:
        self._evidence = evidence
        self._audit_seconds, self._table_seconds = audit_seconds, table_seconds

    async def inspect(self, table: TableFile) -> InspectedTable:
        """Return the columns, the number of rows and the first rows of a file.

        Raises
        ------
        ProblemError
            See the module.
        """
        content = await self._posted("/v1/tables", table, {}, self._table_seconds, TABLE_BYTES)
        return await _read(InspectedTable, content)

    async def audit(self, table: TableFile, options: Options, names: Mapping[str, str]) -> AuditAnswer:
        """Return what the audit of a file says.

        Parameters
        ----------
        options
            The audit's options as `docs/ml/audit.md` names them, without the dashes.
        names
            Option → how the caller's client knows it, for refusals.

        Raises
        ------
        ProblemError
            See the module.
        """
        content = await self._posted("/v1/audits", table, options, self._audit_seconds, AUDIT_BYTES, names)
        return await _read(AuditAnswer, content)

    async def _posted(
        self,
        path: str,
        table: TableFile,
        options: Options,
        seconds: float,
        most_bytes: int,
        names: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the body of the answer 200, or raise."""
        file = await asyncio.to_thread(table.path.open, "rb")
        try:
            request = self._request(path, table, options, file)
            await self._probe_after_failures()
            with self._evidence.breaker.asking((httpx.TransportError,), (ProblemError,)):
                async with asyncio.timeout(seconds):
                    return await self._answered(request, most_bytes, names or {})
        except OpenCircuitError as error:
            raise away(was_sent=False, retry_after=error.seconds) from error
        except httpx.TransportError as error:
            raise away(was_sent=True) from error
        except TimeoutError as error:
            # The file may be to blame as well as the service, so the breaker learns nothing of it.
            raise _too_long() from error
        finally:
            await asyncio.to_thread(file.close)

    def _request(self, path: str, table: TableFile, options: Options, file: BinaryIO) -> httpx.Request:
        request_id = REQUEST_ID.get()
        size = file.seek(0, 2)
        file.seek(0)
        headers = {
            "Content-Type": table.media_type,
            "Content-Length": str(size),
            **({} if request_id is None else {HEADER: request_id}),
        }
        params = {name: value if isinstance(value, str) else list(value) for name, value in options.items()}
        # Long answers are bounded by the time of the whole, not by the time between two pieces.
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        return self._evidence.http.build_request(
            "POST", path, params=params, headers=headers, content=_pieces(file), timeout=timeout
        )

    async def _probe_after_failures(self) -> None:
        """Let something short be the one request that tries: an audit would keep everybody waiting for its minutes."""
        if self._evidence.breaker.state != "half-open":
            return
        with self._evidence.breaker.asking((httpx.TransportError,)):
            response = await self._evidence.http.get("/healthz", timeout=PROBE_SECONDS)
            if response.status_code != HTTPStatus.OK:
                raise httpx.RemoteProtocolError(f"status {response.status_code}")

    async def _answered(self, request: httpx.Request, most_bytes: int, names: Mapping[str, str]) -> bytes:
        response = await self._evidence.http.send(request, stream=True)
        try:
            if response.status_code == HTTPStatus.OK:
                return await bounded(response, most_bytes)
            if response.status_code in REFUSALS:
                raise _refusal(response, await bounded(response, REFUSAL_BYTES), names)
            _raise_other(response)
        finally:
            await response.aclose()


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece


async def _read(model: type[Answer], content: bytes) -> Answer:
    try:
        return await asyncio.to_thread(_parsed, model, content)
    except (ValidationError, ValueError, RecursionError) as error:
        raise broken(f"no {model.__name__}") from error


def _parsed(model: type[Answer], content: bytes) -> Answer:
    return model.model_validate(strict_json(content))


def _raise_other(response: httpx.Response) -> NoReturn:
    """Say why there is no answer, for every status but 200 and the refusals of a file."""
    status = response.status_code
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        LOG.error("evidence service refuses this backend's key", status=status)
        detail = "The evidence service does not let this backend in. Its operator mends FAIRMIND_EVIDENCE_KEY."
        raise EvidenceServiceError(unavailable("evidence_service_misconfigured", detail, 60.0), was_sent=False)
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS):
        raise _busy(response)
    if status in (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT):
        raise httpx.RemoteProtocolError(f"status {status}")
    raise broken(f"status {status}")


def _busy(response: httpx.Response) -> ProblemError:
    detail = "The evidence service is busy. Ask again later."
    return unavailable("evidence_service_busy", detail, _retry_after(response))


def _too_long() -> ProblemError:
    detail = (
        "Reading the file takes longer than it may. Send fewer rows or columns, or ask again when less is going on."
    )
    return unavailable("audit_takes_too_long", detail, 60.0)


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "").strip()
    return min(float(text), MOST_RETRY_SECONDS) if SECONDS.fullmatch(text) else None


class _Finding(_Read):
    problem: str
    column: str | None = None
    rows: int | None = None
    expected: str | None = None


class _Error(_Read):
    code: str
    message: str
    findings: list[_Finding] = []


class _Refusal(_Read):
    error: _Error


def _refusal(response: httpx.Response, content: bytes, names: Mapping[str, str]) -> ProblemError:
    """Return the refusal of a file or of options, in words that the client knows, or of the moment."""
    status = HTTPStatus(response.status_code)
    try:
        said = _parsed(_Refusal, content).error
    except (ValidationError, ValueError, RecursionError):
        # A proxy before a service that is busy or away has words of its own.
        return _busy(response) if status is LATER else broken(f"a refusal {status.value} without words")
    if status is LATER:
        return _too_long() if said.code == TOO_LONG else _busy(response)
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = "The file is larger than the evidence service reads. Send fewer rows or columns."
        return ProblemError(status, "too_large", detail)
    if status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        return ProblemError(status, "unknown_file_kind", "The file is neither CSV nor Parquet. Send one of them.")
    misfits = [_misfit(finding, names) for finding in said.findings[:MOST_MISFITS]]
    return ProblemError(status, "misfit", _in_words_of(said.message, names)[:1000], misfits)


def _misfit(finding: _Finding, names: Mapping[str, str]) -> Misfit:
    where = "file" if finding.column is None else f"file.{finding.column[:200]}"
    rows = "" if finding.rows is None else f" ({finding.rows:,} row{'' if finding.rows == 1 else 's'})"
    expected = None if finding.expected is None else _in_words_of(finding.expected, names)[:300]
    return Misfit(location=where, problem=_in_words_of(finding.problem, names)[:300] + rows, expected=expected)


def _in_words_of(text: str, names: Mapping[str, str]) -> str:
    """Exchange the service's names of options and of its list of findings, in backticks, for the client's."""
    known = {"findings": "errors", **names}
    return re.sub(r"`(\w+)`", lambda found: f"`{known.get(found[1], found[1])}`", text)
