"""An evidence service that answers what a test wrote down: real HTTP, no numbers of its own."""

import csv
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from apps.backend.tests.models.scripted_registry import running_app

Answering = Callable[["Asked"], Awaitable[Any] | Any]
DIGEST = "5f" * 32
COMPARISONS = {
    "demographic_parity_ratio": "favourable_rate",
    "demographic_parity_difference": "favourable_rate",
    "equal_opportunity_difference": "true_positive_rate",
    "equalized_odds_difference": "false_positive_rate",
    "predictive_equality_difference": "false_positive_rate",
    "predictive_parity_difference": "positive_predictive_value",
    "negative_predictive_parity_difference": "negative_predictive_value",
    "accuracy_difference": "accuracy",
    "calibration_error_difference": "calibration_error",
    "base_rate_difference": "base_rate",
}


@dataclass
class Asked:
    """One request as it arrived."""

    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter."""
        return [value for key, value in self.query if key == name]

    def one(self, name: str) -> str | None:
        """Return the value of a parameter, None where it was not given."""
        return next(iter(self.all(name)), None)


@dataclass
class Said:
    """What the scripted engine says of one comparison."""

    value: float | None = 0.9
    lower: float | None = 0.85
    upper: float | None = 0.95
    verdict: str = "PASS"
    reason: str = "the 95% interval is entirely on the right side"
    undefined: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class ScriptedEvidence:
    """The service. `tables`, `audits`: what its paths do; `said`: comparison → what an audit says of it."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    said: dict[str, Said] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    guards: dict[str, Any] = field(default_factory=dict)
    tables: Answering | None = None
    audits: Answering | None = None

    def forget(self) -> None:
        """Begin anew: nothing was asked, nothing is written down."""
        self.asked, self.said, self.guards = [], {}, {}
        self.groups = {"a": group(600, 0.5), "b": group(400, 0.45)}
        self.tables = self.audits = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        query = [(key, value) for key, value in request.query_params.multi_items()]
        asked = Asked(request.url.path, query, dict(request.headers), await request.body())
        self.asked.append(asked)
        given = await self._answer(asked)
        await (given if isinstance(given, Response) or callable(given) else JSONResponse(given))(scope, receive, send)

    async def _answer(self, asked: Asked) -> Any:
        if asked.path == "/healthz":
            return {"status": "ok"}
        chosen = {"/v1/tables": self.tables or table_of, "/v1/audits": self.audits or self.audit_of}[asked.path]
        found = chosen(asked)
        return await found if isinstance(found, Awaitable) else found

    def audit_of(self, asked: Asked) -> dict[str, Any]:
        """Return an audit of what was asked, with what is written down."""
        attribute = next(csv.reader([asked.all("sensitive")[0]]))[0]
        comparisons = {name: measurement(self._of(name), rate) for name, rate in COMPARISONS.items()}
        gates = {gate: self._gate(gate, attribute) for gate in asked.all("gate")}
        verdicts = [gate["verdict"] for gate in (*gates.values(), *self.guards.values())]
        found = next((verdict for verdict in ("FAIL", "INCONCLUSIVE") if verdict in verdicts), "PASS")
        return {
            "verdict": found if gates else None,
            "exit_code": 0,
            "rows": 1000,
            "evidence": DIGEST,
            "notes": ["The file holds 1,000 rows."],
            "performance": {},
            "fairness": {attribute: {**comparisons, "groups": self.groups}},
            "counts": {},
            "gates": {"verdict": found, "reason": "", "gates": gates, "guards": self.guards} if gates else None,
            "record": {"digest": DIGEST, "data": {"rows": 1000}},
        }

    def _of(self, comparison: str) -> Said:
        usual = Said() if comparison.endswith("_ratio") else Said(0.05, 0.0, 0.1)
        return self.said.get(comparison, usual)

    def _gate(self, gate: str, attribute: str) -> dict[str, Any]:
        comparison = gate.removeprefix("fairness.*.").partition("=")[0].rstrip("<>")
        said = self._of(comparison)
        verdict = "INCONCLUSIVE" if said.value is None else said.verdict
        reason = f"undefined: {said.undefined}" if said.value is None else said.reason
        judged = {"verdict": verdict, "reason": reason, "confidence": 0.95, "n": 1000, "family": 2, **said.more}
        bounds = {"value": said.value, "lower": said.lower, "upper": said.upper}
        judged |= {key: value for key, value in bounds.items() if value is not None}
        path = f"fairness.{attribute}.{comparison}"
        return {"verdict": verdict, "reason": reason, "limit": 0.8, "measurements": {path: judged}}


def measurement(said: Said, rate: str) -> dict[str, Any]:
    """Return a comparison as the engine writes it."""
    if said.value is None:
        return {"value": None, "undefined": said.undefined, "n": 0}
    bounds = {
        "lower": said.lower,
        "upper": said.upper,
        "simultaneous_lower": said.lower,
        "simultaneous_upper": said.upper,
    }
    return {"value": said.value, "n": 1000, "confidence": 0.95, **bounds, "lowest": "b", "highest": "a", "rate": rate}


def group(rows: int, rate: float | None, judged: bool = True, **more: Any) -> dict[str, Any]:
    """Return a group whose rates are all alike; None: they are undefined."""
    names = {*COMPARISONS.values(), "selection_rate", "impact_ratio"}
    value = {"value": rate, "n": rows, "lower": rate and rate - 0.1, "upper": rate and rate + 0.1}
    nothing = {"value": None, "undefined": "nobody is positive", "n": 0}
    return {"n": rows, "judged": judged, **{name: dict(nothing if rate is None else value) for name in names}, **more}


def table_of(asked: Asked) -> Any:
    """Return what a CSV file holds, as the service does."""
    rows = list(csv.reader(io.StringIO(asked.body.decode("utf-8"))))
    if len(rows) < 2:
        return refusal(422, "the file has a header and no rows. Add rows.")
    columns = [{"name": name, "type": "string"} for name in rows[0]]
    preview = [dict(zip(rows[0], row, strict=False)) for row in rows[1:6]]
    return {"rows": len(rows) - 1, "columns": columns, "preview": preview}


def refusal(status: int, message: str, *findings: dict[str, Any], code: str = "misfit", **headers: str) -> JSONResponse:
    """Return a refusal in the service's shape."""
    content = {"error": {"code": code, "message": message, "findings": list(findings)}}
    return JSONResponse(content, status, headers)


def half(content: bytes = b'{"rows": 1') -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return an answer that breaks off in the middle."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1000"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": True})

    return answer


def as_json(content: Any) -> Response:
    """Return JSON in which NaN may stand, as a careless service would send it."""
    return Response(json.dumps(content), media_type="application/json")


@contextmanager
def running_evidence() -> Iterator[ScriptedEvidence]:
    """Run the service."""
    service = ScriptedEvidence()
    service.forget()
    with running_app(service) as address:
        service.address = address
        yield service
