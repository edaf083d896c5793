"""A real HTTP server that answers as the model server does, and by a script where it is to fail."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from apps.backend.identifiers import new_id
from apps.backend.tests.product import PATIENCE_SECONDS

EXPLAIN, MODELS, OUTCOMES = "/v1/explain", "/v1/models", "/v1/outcomes"
COLUMNS = {"age": (int, float), "income": (int, float), "purpose": (str,)}
APPLICATION = {"age": 41, "income": 2850.5, "purpose": "car"}
"""What is decided favourably."""

POOR = {"age": 23, "income": 900, "purpose": "car"}
"""What is decided unfavourably."""

ENOUGH = 2000
REASON = {"code": "income.low", "column": "income", "direction": "low", "words": "the income is too low for the loan"}
Step = Callable[["Handler", Any], None]


class ModelServer(ThreadingHTTPServer):
    """`steps`: what the next requests of a path meet, one each, before it answers well again. `asked`: each request's
    path, headers and parsed body. `takes_anything`: no application is a misfit. `over`: set when the test is."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.over = Event()
        self.lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Answer well, and forget who asked."""
        self.steps: dict[str, list[Step]] = {}
        self.always: dict[str, Step] = {}
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.models = [described()]
        self.version: str | None = "3"
        self.explanation: dict[str, Any] = {}
        self.prediction: dict[str, Any] = {}
        self.takes_anything = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self, path: str) -> list[Any]:
        """Return the bodies that a path got."""
        return [body for asked, _, body in self.asked if asked == path]

    def step(self, path: str) -> Step:
        with self.lock:
            steps = self.steps.get(path, [])
            return steps.pop(0) if steps else self.always.get(path, WELL[path])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The caller may be gone before the script is at its end."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(content) if content else None
        self.server.asked.append((self.path, headers, body))
        self.server.step(self.path)(self, body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
        """Keep quiet."""


def described(**changes: Any) -> dict[str, Any]:
    column = {
        "nullable": True,
        "description": "",
        "minimum": None,
        "maximum": None,
        "categories": [],
        "sensitive": False,
    }
    return {
        "name": "loans", "version": "3", "alias": "champion", "evidence": "5f2c", "bundle": "b" * 64, "title": "Loans",
        "estimator": "lightgbm", "task": "binary_classification", "threshold": 0.5, "favourable": "positive",
        "positive_name": "repaid", "negative_name": "not repaid",
        "columns": [{"name": name, "type": "number", **column} for name in COLUMNS], **changes,
    }  # fmt: skip


def answer(content: Any, status: int = 200, **headers: str) -> Step:
    """Answer with JSON, or with bytes as they are; underscores in names of headers are dashes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def step(handler: Handler, _: Any) -> None:
        handler.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return step


def refusal(status: int, code: str, *findings: dict[str, Any], **headers: str) -> Step:
    return answer({"error": {"code": code, "message": "No.", "findings": list(findings)}}, status, **headers)


def finding(row: int | None, column: str | None) -> dict[str, Any]:
    return {"row": row, "column": column, "problem": "the value has the wrong type", "expected": "a number or null"}


def hang_up(handler: Handler, _: Any) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def half_an_answer(handler: Handler, _: Any) -> None:
    """Promise more bytes than are sent, and close."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"model": "lo')
    handler.close_connection = True


def say_nothing(handler: Handler, _: Any) -> None:
    """Keep the connection open and do not answer."""
    handler.server.over.wait()
    handler.close_connection = True


def drip(handler: Handler, _: Any) -> None:
    """Answer one byte every 20 ms, until the test is over or the caller is gone."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b" ")


def held(word: Event, then: Step) -> Step:
    """Wait for a word before a step."""

    def step(handler: Handler, body: Any) -> None:
        word.wait(PATIENCE_SECONDS)
        then(handler, body)

    return step


def explain_well(handler: Handler, body: Any) -> None:
    """Answer as the model server answers: misfits by column, and the favourable decision to those who earn enough."""
    (row,) = body["instances"]
    misfits = [finding(0, name) for name in sorted({*row} ^ {*COLUMNS})]
    misfits += [finding(0, name) for name, kinds in COLUMNS.items() if name in row and not _fits(row[name], kinds)]
    if misfits and not handler.server.takes_anything:
        refusal(422, "misfit", *misfits)(handler, body)
        return
    income = row.get("income")
    decision = int(not isinstance(income, int | float) or income >= ENOUGH)
    server = handler.server
    prediction = {
        "id": new_id(), "score": 0.75 if decision else 0.25, "decision": decision, "threshold": 0.5,
        "explanation": explanation(decision, body.get("counterfactual", False), **server.explanation),
        **server.prediction,
    }  # fmt: skip
    answer({"model": body["model"], "version": server.version, "evidence": "5f2c", "predictions": [prediction]})(
        handler, body
    )


def explanation(decision: int, counterfactual: bool, **changes: Any) -> dict[str, Any]:
    change = {"column": "income", "direction": "increase", "value": 2000.0, "deviations": 0.5}
    return {
        "output": "log-odds", "base": 0.5, "method": "exact", "sampling_error": None, "reasons_method": "furthest",
        "contributions": [{"column": "income", "contribution": -0.25}, {"column": "age", "contribution": 0.125}],
        "reasons": None if decision else [REASON], "strongest_withheld": False, "undefined": {},
        "counterfactual": {"changes": [change], "cost": 0.5} if counterfactual and not decision else None, **changes,
    }  # fmt: skip


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    return value is None or (isinstance(value, kinds) and not isinstance(value, bool))


def tell_models(handler: Handler, body: Any) -> None:
    answer({"models": handler.server.models})(handler, body)


def take_outcomes(handler: Handler, body: Any) -> None:
    handler.server.outcomes += body["outcomes"]
    answer({"accepted": len(body["outcomes"])}, 202)(handler, body)


WELL: dict[str, Step] = {EXPLAIN: explain_well, MODELS: tell_models, OUTCOMES: take_outcomes}


@contextmanager
def model_server(port: int = 0) -> Iterator[ModelServer]:
    """Run a model server on a port of 127.0.0.1, 0: a free one."""
    server = ModelServer(port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
