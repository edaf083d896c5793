"""Bytes on a socket, for what no HTTP client sends."""

import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""What a server says to `Expect: 100-continue` once it waits for the body, and not before."""


def connected(address: str, seconds: float = 60.0) -> socket.socket:
    """Return a connection to a server's address."""
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=seconds)


def whole_answer(connection: socket.socket) -> bytes:
    """Read one answer: its head and as much body as the head announces; a server may send them in two pieces."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += _piece(connection, found)
    head, _, body = found.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    assert length is not None, "an answer that announces its length"
    while len(body) < int(length[1]):
        body += _piece(connection, found)
    return head + b"\r\n\r\n" + body


def _piece(connection: socket.socket, before: bytes) -> bytes:
    piece = connection.recv(65536)
    assert piece, f"the server hung up after {len(before)} bytes"
    return piece


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes."""
    found = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return found
        if not piece:
            return found
        found += piece


def asked(address: str, request: bytes) -> bytes:
    """Send bytes and read until the server closes; it may do so before it took all of them."""
    with connected(address) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        return read_all(connection)
