"""Connections of clients that send half of something, or nothing."""

import json
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from apps.ml.tests.code.deployment.server_faults.load import PATH

TIMEOUT_SECONDS = 120.0
FIRST_BYTES = 20
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
"""What a server says to who waits with the body, once it waits for the body itself."""

NO_LINGER = struct.pack("ii", 1, 0)
"""A socket with this option is reset when it is closed, as that of a process that dies."""


def request(rows: Sequence[dict[str, Any]]) -> tuple[bytes, bytes]:
    """Return head and body of a prediction."""
    body = json.dumps({"instances": rows}).encode()
    lines = (
        f"POST {PATH} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "\r\n",
    )
    return "\r\n".join(lines).encode(), body


def half_of(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return a head and the first bytes of its body."""
    head, body = request(rows)
    return head + body[:FIRST_BYTES]


def expecting(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return a head behind which a client waits until it is told to go on."""
    head, _ = request(rows)
    return head[:-2] + b"Expect: 100-continue\r\n\r\n"


@contextmanager
def waiting(address: str, count: int, content: bytes = b"") -> Iterator[list[socket.socket]]:
    """Hold so many connections open, on each of which the same was sent."""
    with ExitStack() as stack:
        connections = [stack.enter_context(_connected(address)) for _ in range(count)]
        for connection in connections:
            connection.sendall(content)
        yield connections


def hang_up(address: str, content: bytes) -> None:
    """Send something and hang up without waiting."""
    with _connected(address) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        connection.sendall(content)


def _connected(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_SECONDS)
