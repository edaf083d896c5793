"""Bytes on a socket, for what no HTTP client sends."""

import socket
import time
from urllib.parse import urlsplit


def connected(address: str, seconds: float = 10.0) -> socket.socket:
    """Return a connection to a server's address."""
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=seconds)


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
