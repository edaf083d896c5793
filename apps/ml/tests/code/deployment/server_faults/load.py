"""Clients that ask a server again and again, on kept and on new connections, and remember what they were told."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

PATH = "/v1/predict"
HEADERS = {"Content-Type": "application/json"}
CLIENTS = 4
TIMEOUT_SECONDS = 120.0
PAUSE_SECONDS = 0.002
REFUSED_PAUSE_SECONDS = 0.02
LARGE_TIMES = 20
LARGE_EVERY = 40
"""One request in so many holds all rows twenty times and is so long that it is scored in a thread."""


@dataclass(frozen=True)
class Told:
    """A whole answer of 200: which rows were asked for and what was said of them."""

    rows: tuple[int, ...]
    version: str | None
    ids: tuple[str, ...]
    scores: tuple[float, ...]
    at: float


@dataclass
class Heard:
    """What all clients of one load heard.

    `told`: whole answers. `refused`: status and code of whole refusals, and how often. `retry_after`: of those.
    `unanswered`: connections that were refused, or that ended before the first byte of an answer, by their error.
    `broken`: answers that ended in the middle, or that no answer may be.
    """

    told: list[Told] = field(default_factory=list)
    refused: Counter[tuple[int, str]] = field(default_factory=Counter)
    retry_after: set[str | None] = field(default_factory=set)
    unanswered: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def by_id(self) -> dict[str, tuple[str | None, float]]:
        """Return the id of every prediction → version and score."""
        return {
            name: (told.version, score) for told in self.told for name, score in zip(told.ids, told.scores, strict=True)
        }


class _Client(threading.Thread):
    """One thread that asks until it is told to end."""

    def __init__(self, load: "_Load", number: int) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self._load, self._number = load, number
        self._keeps = number % 2 == 0
        self._connection: HTTPConnection | None = None

    def run(self) -> None:
        turn = self._number
        while not self._load.ended.is_set():
            self._ask(*self._load.request(turn))
            turn += CLIENTS
            time.sleep(PAUSE_SECONDS)
        self._close()

    def _ask(self, rows: tuple[int, ...], body: bytes) -> None:
        heard = self._load.heard
        try:
            response = self._response(body)
        except ConnectionError as error:
            heard.unanswered[type(error).__name__] += 1
            self._close()
            time.sleep(REFUSED_PAUSE_SECONDS)
            return
        except (OSError, HTTPException) as error:
            heard.broken.append(f"no answer: {type(error).__name__}")
            self._close()
            return
        try:
            content = response.read()
            self._note(rows, response, json.loads(content))
        except (OSError, HTTPException, ValueError, LookupError) as error:
            heard.broken.append(f"status {response.status}: {type(error).__name__}")
            self._close()
            return
        if not self._keeps or response.will_close:
            self._close()

    def _response(self, body: bytes) -> HTTPResponse:
        if self._connection is None:
            self._connection = HTTPConnection(self._load.host, self._load.port, timeout=TIMEOUT_SECONDS)
        self._connection.request("POST", PATH, body, HEADERS)
        return self._connection.getresponse()

    def _note(self, rows: tuple[int, ...], response: HTTPResponse, content: Any) -> None:
        heard = self._load.heard
        if response.status != 200:
            heard.refused[response.status, content["error"]["code"]] += 1
            heard.retry_after.add(response.headers["retry-after"])
            time.sleep(REFUSED_PAUSE_SECONDS)
            return
        found = content["predictions"]
        ids, scores = tuple(one["id"] for one in found), tuple(one["score"] for one in found)
        if len(found) != len(rows):
            raise ValueError("another number of predictions than rows")
        heard.told.append(Told(rows, content["version"], ids, scores, time.monotonic()))

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Load:
    def __init__(self, address: str, rows: Sequence[dict[str, Any]], large_every: int) -> None:
        parts = urlsplit(address)
        self.host, self.port = str(parts.hostname), int(parts.port or 0)
        self.heard = Heard()
        self.ended = threading.Event()
        count = len(rows)
        groups = [(row,) for row in range(count)] + [
            (row, (row + 1) % count, (row + 7) % count) for row in range(count)
        ]
        self._requests = [(group, _body(rows, group)) for group in groups]
        everything = tuple(range(count)) * LARGE_TIMES
        self._large_every = large_every
        self._large = (everything, _body(rows, everything))

    def request(self, turn: int) -> tuple[tuple[int, ...], bytes]:
        return self._large if turn % self._large_every == 0 else self._requests[turn % len(self._requests)]


@contextmanager
def under_load(
    address: str, rows: Sequence[dict[str, Any]], clients: int = CLIENTS, large_every: int = LARGE_EVERY
) -> Iterator[Heard]:
    """Ask the server at `address` as long as this lasts; yields what is heard, which grows."""
    load = _Load(address, rows, large_every)
    threads = [_Client(load, number) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load.heard
    finally:
        load.ended.set()
        for thread in threads:
            thread.join()


def _body(rows: Sequence[dict[str, Any]], wanted: tuple[int, ...]) -> bytes:
    return json.dumps({"instances": [rows[row] for row in wanted]}).encode()
