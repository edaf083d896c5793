"""A real HTTP server on this machine for tests of downloads."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from threading import Thread


@contextmanager
def serving(answers: Mapping[str, bytes]) -> Iterator["LocalServer"]:
    """Serve path → body on a free port of 127.0.0.1; every other path is answered with 404."""
    server = LocalServer(answers)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class LocalServer(ThreadingHTTPServer):
    """`address`: where it listens; `asked`: the paths that were asked for, in order."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = dict(answers)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """The root address, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: LocalServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.answers.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Keep quiet."""


@functools.cache
def closed_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens: kept by this process, so that nobody else gets it."""
    kept = socket()
    kept.bind(("127.0.0.1", 0))
    port = int(kept.getsockname()[1])
    kept.detach()
    return port
