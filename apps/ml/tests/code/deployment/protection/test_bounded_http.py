"""Connections: heads that are too large or too slow, bodies that nobody wants, and everything else as ever."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apps.ml.deployment.protection.bounded_http import BoundedHttpProtocol
from apps.ml.tests.protected_server import serving
from tests.raw_http import whole_answer

HEAD = b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n"
SECONDS = 0.3


class Hasty(BoundedHttpProtocol):
    """The same with times that a test can wait for."""

    most_head_bytes = 2000
    head_seconds = SECONDS
    rest_seconds = SECONDS


async def read(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


async def refuse(_: Request) -> Response:
    return JSONResponse("refused", status_code=401)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    app = Starlette(routes=[Route("/read", read, methods=["POST"]), Route("/refuse", refuse, methods=["POST"])])
    with serving(app, Hasty) as served:
        yield served


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    parts = urlsplit(str(client.base_url))
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        yield connection


def rest_of(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes."""
    content = b""
    while piece := connection.recv(65_536):
        content += piece
    return content


def test_a_request_in_one_piece_or_in_many_is_answered(client: httpx.Client) -> None:
    with connected(client) as connection:
        for _ in range(2):
            connection.sendall(HEAD + b"\r\nbody")
            assert whole_answer(connection).endswith(b"4")
        for byte in HEAD + b"\r\nbody":
            connection.sendall(bytes([byte]))
        assert whole_answer(connection).endswith(b"4")


def test_an_idle_connection_between_requests_is_kept(client: httpx.Client) -> None:
    with connected(client) as connection:
        for _ in range(2):
            connection.sendall(HEAD + b"\r\nbody")
            assert whole_answer(connection).endswith(b"4")
            time.sleep(1.5 * SECONDS)


@pytest.mark.parametrize("content", [HEAD + b"x-a: %s\r\n" % (b"y" * 90) * 400 + b"\r\n", b"GET /" + b"y" * 40_000])
def test_a_head_that_is_too_large_is_431(client: httpx.Client, content: bytes) -> None:
    """Many headers, or a first line without end."""
    with connected(client) as connection:
        connection.sendall(content)
        answered = rest_of(connection)
    assert answered.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in answered
    assert b"x-content-type-options: nosniff" in answered
    assert b'"code":"head_too_large"' in answered
    assert b"yyy" not in answered


@pytest.mark.parametrize("content", [b"x-a: %s\r\n" % (b"y" * 90), b"y" * 97])
def test_a_head_that_comes_in_pieces_without_end_is_cut_off(client: httpx.Client, content: bytes) -> None:
    """The server closes while more is on its way, so that its answer may be lost to a reset."""
    with connected(client) as connection:
        connection.sendall(HEAD)
        with pytest.raises(OSError, match=r"Broken pipe|reset"):  # noqa: PT012
            for _ in range(10_000):
                connection.sendall(content)
                time.sleep(0.0001)


def test_a_head_just_below_the_bound_is_read_whatever_body_follows(client: httpx.Client) -> None:
    head = HEAD.replace(b"content-length: 4", b"content-length: 5000") + b"x: %s\r\n" % (b"y" * 1850)
    with connected(client) as connection:
        connection.sendall(head + b"\r\n" + b"b" * 5000)
        assert whole_answer(connection).endswith(b"5000")


def test_a_head_that_does_not_arrive_in_time_is_408(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(HEAD)
        answered = rest_of(connection)
    assert answered.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"slow_head"' in answered


def test_a_head_that_dribbles_on_a_kept_connection_is_cut_off(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(HEAD + b"\r\nbody")
        assert whole_answer(connection).endswith(b"4")
        connection.sendall(HEAD + b"x: ")
        start = time.monotonic()
        with pytest.raises(OSError, match=r"Broken pipe|reset"):  # noqa: PT012
            while time.monotonic() < start + 10:
                connection.sendall(b"y")
                time.sleep(SECONDS / 10)
        assert 0.9 * SECONDS <= time.monotonic() - start < 10


def test_a_connection_that_says_nothing_is_closed_without_an_answer(client: httpx.Client) -> None:
    with connected(client) as connection:
        assert rest_of(connection) == b""


def test_the_rest_of_a_refused_body_is_not_waited_for_long(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nbegun")
        answered = rest_of(connection)
    assert answered.startswith(b"HTTP/1.1 401 ")


def test_a_refused_body_that_does_arrive_leaves_the_connection_usable(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nbody")
        assert whole_answer(connection).startswith(b"HTTP/1.1 401 ")
        connection.sendall(b"body" + HEAD + b"\r\nbody")
        assert whole_answer(connection).endswith(b"4")
        time.sleep(1.5 * SECONDS)
        connection.sendall(HEAD + b"\r\nbody")
        assert whole_answer(connection).endswith(b"4")


def test_what_is_no_http_is_400(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(b"\x16\x03\x01 no request\r\n\r\n")
        assert rest_of(connection).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", [b"read", b"refuse"])
def test_a_request_for_another_protocol_is_answered_and_ends_the_connection(client: httpx.Client, path: bytes) -> None:
    """The parser reads nothing behind it: a connection that was kept could be held by a byte now and then."""
    with connected(client) as connection:
        head = HEAD.replace(b"read", path) + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n"
        connection.sendall(head)
        time.sleep(SECONDS / 3)
        connection.sendall(b"body")
        answered = rest_of(connection)
    assert answered.startswith(b"HTTP/1.1 200 " if path == b"read" else b"HTTP/1.1 401 ")


def test_requests_sent_ahead_of_answers_are_answered_up_to_a_bound(client: httpx.Client) -> None:
    """Without a bound anybody could fill the memory by asking and never reading an answer."""
    request, most = HEAD + b"\r\nbody", Hasty.most_waiting
    with connected(client) as connection:
        connection.sendall(most * request)
        answered = b""
        while answered.count(b"HTTP/1.1 200 ") < most:
            piece = connection.recv(65_536)
            assert piece
            answered += piece
    with connected(client) as connection:
        connection.sendall(2 * most * request)
        assert rest_of(connection).count(b"HTTP/1.1 200 ") <= most
