"""An evidence service that keeps a small registry, and fails as a test wrote down: real HTTP."""

import asyncio
import copy
import hashlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from apps.backend.tests.product import PATIENCE_SECONDS, until

Answer = Callable[[Scope, Receive, Send], Awaitable[None]]
PREFIX = "/v1/registry/models"
KEEP_ALIVE_SECONDS = 600
"""Longer than the backend keeps an idle connection: what it asks never meets the end of one."""

CARD = b"# Model card\n"
MEASURED = {"value": 0.86, "n": 6000, "lower": 0.85, "upper": 0.87, "confidence": 0.95, "method": "DeLong"}
RATIO = {**MEASURED, "value": 0.9, "lower": 0.84, "upper": 0.97, "lowest": "female", "highest": "male"}


def record(**changes: Any) -> dict[str, Any]:
    """Return an evidence record that bears the digest of its content, as docs/ml/evidence.md says."""
    group = {"n": 3000, "judged": True, "favourable_rate": {**MEASURED, "value": 0.7}}
    content: dict[str, Any] = {
        "format": 3,
        "task": "binary_classification",
        "data": {"dataset": "loans", "title": "Loans", "rows": {"test": 6000}, "known_faults": ["made up"]},
        "policy": {"uses_sensitive": False},
        "decision": {"threshold": 0.5},
        "performance": {"rows": 6000, "roc_auc": MEASURED, "f1": {"value": None, "n": 0, "undefined": "no positives"}},
        "fairness": {
            "gender": {"demographic_parity_ratio": RATIO, "groups": {"female": group, "male": group}},
            "origin": {"demographic_parity_ratio": {**RATIO, "confidence": 0.9}, "groups": {}},
        },
        "explainability": {
            "method": "SHAP",
            "rows": 1000,
            "importance": {"income": MEASURED},
            "lime": {"mean_r2": {"value": 0.8, "n": 5}},
        },
        **changes,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**content, "digest": hashlib.sha256(text.encode()).hexdigest()}


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Fault:
    """What happens to the next request whose path ends like this. `does`: what was asked is done all the same."""

    method: str
    end: str
    answer: Answer | None = None
    seconds: float = 0.0
    does: bool = False

    def meets(self, asked: Asked) -> bool:
        return asked.method == self.method and asked.path.endswith(self.end)


@dataclass
class Registered:
    """One version."""

    number: str
    verdict: str = "PASS"
    record: dict[str, Any] | None = None
    documents: dict[str, tuple[str, bytes]] = field(default_factory=dict)


@dataclass
class ScriptedRegistry:
    """The service. `knows_if_match`: it refuses to change another champion than the one that is named."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    versions: dict[str, list[Registered]] = field(default_factory=dict)
    champions: dict[str, list[str]] = field(default_factory=dict)
    knows_if_match: bool = True

    def reset(self) -> None:
        """Begin anew: loans has three versions, the first is champion; secret is another organisation's model."""
        self.asked, self.faults, self.knows_if_match = [], [], True
        usual = {"card": ("text/markdown; charset=utf-8", CARD), "strange": ("text/x-evil", b"\x00\x01")}
        self.versions = {
            "loans": [Registered("1", "PASS", record(), usual), Registered("2", "PASS", record(task="other"), usual)],
            "secret": [Registered("1", "PASS", record(), usual)],
        }
        self.versions["loans"].append(Registered("3", "FAIL"))
        self.champions = {"loans": ["1"], "secret": ["1"]}

    def champion(self, model: str = "loans") -> str | None:
        return self.champions[model][-1] if self.champions[model] else None

    def changes(self) -> list[Asked]:
        """Return the promotions and roll backs that arrived."""
        return [asked for asked in self.asked if asked.method == "POST"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        asked = Asked(
            request.method,
            request.url.path,
            list(request.query_params.multi_items()),
            dict(request.headers),
            json.loads(body) if body else None,
        )
        self.asked.append(asked)
        fault = next((one for one in self.faults if one.meets(asked)), None)
        if fault is None:
            await self._answer(asked)(scope, receive, send)
            return
        self.faults.remove(fault)
        answer = self._answer(asked) if fault.does or fault.answer is None else fault.answer
        await asyncio.sleep(fault.seconds)
        await (fault.answer or answer)(scope, receive, send)

    def _answer(self, asked: Asked) -> Answer:
        parts = asked.path.removeprefix(PREFIX).strip("/").split("/")
        if parts == [""]:
            return JSONResponse({"models": [self._model(name) for name in self.versions]})
        model = parts[0]
        if model not in self.versions:
            return refusal(404, "unknown_model")
        if asked.method == "POST":
            return self._change(model, parts[1], asked)
        if parts[1] == "comparison":
            return JSONResponse(self._comparison(model, [value for _, value in asked.query]))
        if len(parts) == 2:
            listed = [self._entry(model, one) for one in reversed(self.versions[model])]
            return JSONResponse({"versions": listed})
        found = next((one for one in self.versions[model] if one.number == parts[2]), None)
        return refusal(404, "unknown_version") if found is None else self._of_version(model, found, parts[3:], asked)

    def _of_version(self, model: str, version: Registered, rest: list[str], asked: Asked) -> Answer:
        if not rest:
            return JSONResponse(self._details(model, version))
        if rest[0] == "evidence":
            return self._evidence(version, asked)
        if rest[0] == "lineage":
            nodes: list[dict[str, Any]] = [
                {"id": name, "kind": name, "label": name, "facts": {}} for name in ("version", "run")
            ]
            return JSONResponse({"nodes": nodes, "edges": [{"source": "version", "target": "run", "relation": "from"}]})
        if len(rest) == 1:
            listed = [
                {"name": name, "title": name.title(), "media_type": kind, "bytes": len(content)}
                for name, (kind, content) in version.documents.items()
            ]
            return JSONResponse({"documents": listed})
        if rest[1] not in version.documents:
            return refusal(404, "unknown_document")
        return Response(version.documents[rest[1]][1], media_type="text/html")

    def _evidence(self, version: Registered, asked: Asked) -> Answer:
        if version.record is None:
            return refusal(404, "no_evidence")
        tag = f'"{version.record["digest"]}"'
        if tag in asked.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": tag})
        return JSONResponse(version.record, headers={"ETag": tag})

    def _change(self, model: str, act: str, asked: Asked) -> Answer:
        champion, history = self.champion(model), self.champions[model]
        tag = None if champion is None else f'"{champion}"'
        is_held = asked.headers.get("if-match") == tag if tag else asked.headers.get("if-none-match") == "*"
        if self.knows_if_match and not is_held:
            return refusal(412, "champion_moved")
        if act == "rollbacks":
            if len(history) < 2:
                return refusal(409, "nothing_before")
            history.pop()
            return JSONResponse({"model": model, "from": champion, "to": history[-1]})
        version = next((one for one in self.versions[model] if one.number == asked.body["version"]), None)
        if version is None:
            return refusal(404, "unknown_version")
        if version.verdict != "PASS":
            finding = {"column": None, "problem": "gate 'ranking': FAIL: too low", "expected": "at least 0.7"}
            return refusal(409, "not_promoted", finding)
        if champion != version.number:
            history.append(version.number)
        return JSONResponse(
            {"model": model, "version": version.number, "promoted": True, "previous": champion, "verdict": "PASS"}
        )

    def _model(self, name: str) -> dict[str, Any]:
        champion = self.champion(name)
        aliases = {} if champion is None else {"champion": champion}
        return {"name": name, "title": name.title(), "aliases": aliases, "newest": self.versions[name][-1].number}

    def _entry(self, model: str, version: Registered) -> dict[str, Any]:
        is_champion = self.champion(model) == version.number
        return {
            "model": model,
            "version": version.number,
            "created_at": "2026-11-21T10:00:00.000Z",
            "aliases": ["champion"] if is_champion else [],
            "verdict": version.verdict,
            "evidence": None if version.record is None else version.record["digest"],
            "run_id": "5" * 32,
            "commit": "c" * 40,
            "dataset": "loans",
            "estimator": "lightgbm",
            "status": "champion" if is_champion else None,
        }

    def _details(self, model: str, version: Registered) -> dict[str, Any]:
        judged = {
            "performance.roc_auc": {**MEASURED, "verdict": version.verdict},
            "fairness.gender.demographic_parity_ratio": {**RATIO, "verdict": "INCONCLUSIVE"},
        }
        gate = {
            "name": "ranking",
            "verdict": version.verdict,
            "value": 0.86,
            "threshold": 0.7,
            "reason": "the 95% interval is entirely above",
            "measurements": judged,
            "rows_to_decide": 12,
        }
        rule = {"name": "chance", "verdict": "PASS", "value": None, "threshold": None, "reason": None}
        more = {"gates": [gate], "guards": [], "policy": [rule], "metrics": {"performance.roc_auc": {"value": 0.86}}}
        return {**self._entry(model, version), **more, "parameters": {"seed": "1"}, "reason": "all passed"}

    def _comparison(self, model: str, numbers: list[str]) -> dict[str, Any]:
        found = [one for one in self.versions[model] if one.number in numbers]
        return {
            "model": model,
            "baseline": numbers[0],
            "confidence": 0.95,
            "versions": [{**self._entry(model, one), "metrics": {}} for one in found],
            "differing_parameters": {"seed": ["1", "2"]},
            "paired": [{"version": numbers[1], "undefined": "the rows are not there", "differences": {}}],
            "front": None,
        }


def refusal(status: int, code: str, *findings: dict[str, Any], **headers: str) -> JSONResponse:
    """Return a refusal in the service's shape."""
    words = f"{code.replace('_', ' ').capitalize()}. Choose another."
    content = {"error": {"code": code, "message": words, "findings": list(findings)}}
    return JSONResponse(content, status, {name.replace("_", "-"): value for name, value in headers.items()})


def half(content: bytes = b'{"model": ') -> Answer:
    """Return an answer that breaks off in the middle."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1000"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": True})

    return answer


def held(word: threading.Event, then: Answer) -> Answer:
    """Return an answer that comes when the word is given."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(word.wait, PATIENCE_SECONDS)
        await then(scope, receive, send)

    return answer


def altered(found: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy with other content under the same digest."""
    return {**copy.deepcopy(found), **changes}


@contextmanager
def running_app(app: ASGIApp) -> Iterator[str]:
    """Run an ASGI application on a free port of 127.0.0.1 and yield its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_keep_alive=KEEP_ALIVE_SECONDS
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def running_registry() -> Iterator[ScriptedRegistry]:
    """Run the service."""
    registry = ScriptedRegistry()
    registry.reset()
    with running_app(registry) as address:
        registry.address = address
        yield registry
