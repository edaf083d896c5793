"""A governance store that keeps what it is sent, and fails as a test wrote down: real HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from apps.backend.tests.models.scripted_registry import running_app

Answer = Callable[[Scope, Receive, Send], Awaitable[None]]
TOKEN = "token-of-the-backend"


@dataclass
class Sent:
    """One request to add an item, as it arrived."""

    system: str
    name: str | None
    body: dict[str, Any]


@dataclass
class Fault:
    """What happens to the next item. `does`: it is added all the same."""

    answer: Answer
    does: bool = False
    part: str | None = None

    def meets(self, body: dict[str, Any]) -> bool:
        return self.part in (None, body["content"]["part"])


@dataclass
class ScriptedStore:
    """The store. `systems`: id → items; `lists`: it tells what it has; it does not look at `Idempotency-Key`."""

    address: str = ""
    sent: list[Sent] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    systems: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lists: bool = True
    listings: int = 0
    seconds: float = 0.0

    def reset(self) -> None:
        self.sent, self.faults, self.systems = [], [], {"credit": [], "cards": []}
        self.lists, self.listings, self.seconds = True, 0, 0.0

    def parts(self, system: str = "credit") -> list[str]:
        """Return the parts that a system has, in order."""
        return sorted(item["content"]["part"] for item in self.systems[system])

    def item(self, part: str, system: str = "credit") -> dict[str, Any]:
        return next(item for item in self.systems[system] if item["content"]["part"] == part)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        answer = self._answer(request, await request.body())
        await asyncio.sleep(self.seconds)
        await answer(scope, receive, send)

    def _answer(self, request: Request, content: bytes) -> Answer:
        start, system, end = request.url.path.rsplit("/", 2)
        if (start, end) != ("/api/v1/ai-governance/systems", "evidence"):
            return JSONResponse({"detail": "Not Found"}, 404)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"detail": "Who are you?"}, 401)
        if request.method == "GET":
            self.listings += 1
            return JSONResponse(self.systems[system]) if self.lists else JSONResponse({}, 405)
        body = json.loads(content)
        self.sent.append(Sent(system, request.headers.get("idempotency-key"), body))
        fault = next((one for one in self.faults if one.meets(body)), None)
        if fault is not None:
            self.faults.remove(fault)
        if fault is not None and not fault.does:
            return fault.answer
        added = self._added(system, body)
        return added if fault is None else fault.answer

    def _added(self, system: str, body: dict[str, Any]) -> Answer:
        if system not in self.systems:
            return JSONResponse({"detail": "AI system not found"}, 404)
        item = {"id": f"item-{len(self.systems[system])}", **body}
        self.systems[system].append(item)
        return JSONResponse({"id": item["id"], "systemId": system, "status": body["status"]})


@contextmanager
def running_store() -> Iterator[ScriptedStore]:
    """Run the store."""
    store = ScriptedStore()
    store.reset()
    with running_app(store) as address:
        store.address = address
        yield store
