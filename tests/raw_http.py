"""Bytes on a socket, for what no HTTP client sends."""

import re
import socket
import time
from urllib.parse import urlsplit

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


def connected(address: str, seconds: float = 10.0) -> socket.socket:
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
    """Send bytes and read until the server closes."""
    with connected(address) as connection:
        connection.sendall(request)
        return read_all(connection)


def seconds_until_closed(connection: socket.socket) -> float:
    """Return how long the server still holds a connection."""
    began = time.monotonic()
    read_all(connection)
    return time.monotonic() - began
