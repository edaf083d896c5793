"""A real HTTP server that answers by a script: one step per request, the last step for ever."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

ROW = {"age": 41}
DRIP_SECONDS = 0.02
Step = Callable[["Handler"], None]


def prediction(**changes: Any) -> dict[str, Any]:
    return {"id": "0198f6a4-0000-7000-8000-000000000000", "score": 0.75, "decision": 1, "threshold": 0.5, **changes}


def predictions(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    listed = list(entries) or [prediction()]
    return {"model": "loans", "version": "3", "evidence": "5f2c", "predictions": listed, **changes}


def explanation(**changes: Any) -> dict[str, Any]:
    return {
        "output": "log-odds",
        "base": 0.5,
        "contributions": [{"column": "age", "contribution": -0.25}],
        "method": "exact",
        "sampling_error": None,
        "reasons": [{"code": "age.low", "column": "age", "direction": "low", "words": "the age of the applicant"}],
        "reasons_method": "against the median",
        "strongest_withheld": False,
        "counterfactual": {
            "changes": [{"column": "purpose", "direction": "change", "value": "car", "deviations": 1.0}],
            "cost": 1.0,
        },
        "undefined": {"base": "because"},
        **changes,
    }


def refusal(code: str, message: str = "No. Ask otherwise.", *findings: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "findings": list(findings)}}


def answer(content: Any, status: int = 200, **headers: str) -> Step:
    """Answer with JSON, or with bytes as they are; underscores in names of headers are dashes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def step(handler: "Handler") -> None:
        handler.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return step


def hang_up(handler: "Handler") -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def half_an_answer(handler: "Handler") -> None:
    """Promise more bytes than are sent, and close."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"model": "lo')
    handler.close_connection = True


def say_nothing(handler: "Handler") -> None:
    """Keep the connection open and do not answer."""
    handler.server.over.wait()
    handler.close_connection = True


def drip(before: bytes) -> Step:
    """Send `before`, then one byte every 20 ms until the test is over or the caller is gone."""

    def step(handler: "Handler") -> None:
        handler.close_connection = True
        handler.wfile.write(before)
        while not handler.server.over.wait(DRIP_SECONDS):
            handler.wfile.write(b"x")

    return step


DRIPPED_HEADER = drip(b"HTTP/1.1 200 OK\r\nX-Long: ")
DRIPPED_BODY = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")


class ScriptedServer(ThreadingHTTPServer):
    """`asked`: headers and parsed body of each request; `over` is set when the test is."""

    daemon_threads = True

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.steps = list(steps)
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.moments: list[float] = []
        self.over = Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The caller may be gone before the script is at its end."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers, json.loads(body) if body else None))
        self.server.moments.append(time.monotonic())
        steps = self.server.steps
        (steps.pop(0) if len(steps) > 1 else steps[0])(self)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Keep quiet."""


@contextmanager
def scripted(*steps: Step) -> Iterator[ScriptedServer]:
    """Run a server with these steps."""
    server = ScriptedServer(steps)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
