"""Audits behind a real HTTP server with the door of the model server, for tests."""

import csv
import io
import json
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from anyio import to_thread
from fastapi import FastAPI

from apps.ml.deployment.protection.bounded_http import BoundedHttpProtocol
from apps.ml.deployment.protection.middleware import DoorMiddleware
from apps.ml.deployment.requests.refusals import answer_to, install_refusals
from apps.ml.deployment.server.http_server import KEEP_ALIVE_SECONDS
from apps.ml.evidence_service.audits.desk import AuditDesk
from apps.ml.evidence_service.audits.routes import install
from apps.ml.evidence_service.audits.settings import AuditSettings
from apps.ml.evidence_service.options import Options
from apps.ml.evidence_service.scopes import scope_of_path

PATIENCE_SECONDS = 120.0
CSV = {"Content-Type": "text/csv"}
PARQUET = {"Content-Type": "application/vnd.apache.parquet"}
ASKED: dict[str, Any] = {"prediction": "decision", "label": "label", "sensitive": "sex"}
"""Parameters of an audit of `audited_files.decisions`."""

UNLABELLED = {"prediction": "decision", "sensitive": "sex"}


@dataclass
class Served:
    """A running service. `folder`: where bodies lie while they are needed."""

    desk: AuditDesk
    client: httpx.Client
    port: int
    folder: Path

    def stored(self) -> list[Path]:
        """Files that the service holds now."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def connect(self) -> socket.socket:
        """Return a connection of its own."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)


@contextmanager
def served(folder: Path, options: Options | None = None, **bounds: Any) -> Iterator[Served]:
    """Run a service whose bodies lie in `folder`."""
    given = options or Options()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for start in given.areas.starting:
            await to_thread.run_sync(start)
        yield
        for close in given.areas.closing:
            await to_thread.run_sync(close)

    api = FastAPI(lifespan=lifespan, redirect_slashes=False)
    desk = install(api, given, AuditSettings(folder=folder, **bounds))
    install_refusals(api)
    app = DoorMiddleware(api, given.door, lambda path, error: answer_to(error, path, error.request), scope_of_path)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedHttpProtocol,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    port = listening.getsockname()[1]
    try:
        until(lambda: server.started)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
            yield Served(desk, client, port, folder)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; TimeoutError where it does not for longer than a test should take."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("what the test waits for did not come about")
        time.sleep(0.01)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of an answer with an error."""
    return answer.status_code, answer.json()["error"]["code"]


@contextmanager
def asking(port: int, body: bytes, **parameters: str | int) -> Iterator[socket.socket]:
    """Ask for an audit on a connection of its own, and hang up at the end."""
    asked = str(httpx.QueryParams(UNLABELLED).merge(parameters))
    lines = (f"POST /v1/audits?{asked} HTTP/1.1", "Host: x", "Content-Type: text/csv", f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode() + body)
        yield connection


def answer_on(connection: socket.socket) -> tuple[int, str]:
    """Return status and code of an answer with an error."""
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"}"):
        piece = connection.recv(65_536)
        assert piece, received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def endless(groups: int = 900) -> bytes:
    """Return a small file whose audit takes minutes: every pair of many groups is compared."""
    text = io.StringIO()
    csv.writer(text).writerows([["decision", "sex"], *[[at % 2, f"group {at % groups}"] for at in range(2 * groups)]])
    return text.getvalue().encode()


def started(service: Served) -> int:
    """Wait until a worker runs and return its process."""
    until(lambda: len(service.desk.children))
    return service.desk.children.processes()[0]


def is_gone(process: int) -> bool:
    """Whether no process has this number, or one that has ended and that nobody asked for its exit code."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True
