"""Connections: heads that are too large or too slow, bodies that nobody wants, and everything else as ever."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apps.ml.deployment.protection.bounded_http import BoundedHttpProtocol
from apps.ml.tests.protected_server import serving, until
from tests import raw_http
from tests.raw_http import read_all, whole_answer

HEAD = b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n"
WHOLE = HEAD + b"\r\nbody"
REFUSED = b"POST /refuse HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
SECONDS = 0.3
HAND_SECONDS = 2.0
PATIENCE_SECONDS = 60.0


class Patient(BoundedHttpProtocol):
    """The same with a bound that is cheap to exceed, and no time that a test could need."""

    most_head_bytes = 2000
    head_seconds = rest_seconds = 600.0


class HastyForHeads(Patient):
    """A time for heads that a test can wait for."""

    head_seconds = SECONDS


class HastyForTheRest(Patient):
    """A time for the rest of bodies that a test can wait for."""

    rest_seconds = SECONDS


@dataclass
class Timer:
    """What is to be done at a moment, unless it is cancelled before."""

    moment: float
    strike: Callable[[], object]

    def cancel(self) -> None:
        """Do nothing."""
        self.strike = lambda: None


class TimersByHand:
    """The loop of one connection; its timers strike when a test lets time pass."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timers: list[Timer] = []
        self._moment = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Keep a timer."""
        self._timers.append(Timer(self._moment + delay, callback))
        return self._timers[-1]

    def let_pass(self, seconds: float) -> None:
        """Let time pass, in the thread of the loop; what is due then has struck."""
        over = threading.Event()

        def strike() -> None:
            self._moment += seconds
            due = [timer for timer in self._timers if timer.moment <= self._moment]
            self._timers = [timer for timer in self._timers if timer not in due]
            for timer in due:
                timer.strike()
            over.set()

        self._loop.call_soon_threadsafe(strike)
        assert over.wait(PATIENCE_SECONDS)


class ByHand(Patient):
    """Tells how many bytes were read, and its time passes by hand; `open`: by the addresses of those who connected."""

    head_seconds = rest_seconds = HAND_SECONDS
    open: ClassVar[dict[Any, "ByHand"]] = {}

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.hand = TimersByHand(self.loop)
        self.loop = self.hand  # type: ignore[assignment]
        self.read = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Be found."""
        super().connection_made(transport)
        self.open[self.client] = self

    def data_received(self, data: bytes) -> None:
        """Count what was read, once it was looked at."""
        super().data_received(data)
        self.read += len(data)


async def read(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


async def refuse(_: Request) -> Response:
    return JSONResponse("refused", status_code=401)


APP = Starlette(routes=[Route("/read", read, methods=["POST"]), Route("/refuse", refuse, methods=["POST"])])


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(APP, Patient) as served:
        yield served


@pytest.fixture(scope="module")
def timed() -> Iterator[httpx.Client]:
    """The same where time passes by hand."""
    with serving(APP, ByHand) as served:
        yield served


def connected(client: httpx.Client) -> socket.socket:
    return raw_http.connected(str(client.base_url), PATIENCE_SECONDS)


def other_end(connection: socket.socket) -> ByHand:
    """Return the server's end of a connection to the server whose time passes by hand."""
    until(lambda: connection.getsockname() in ByHand.open)
    return ByHand.open[connection.getsockname()]


def let_pass(connection: socket.socket, seconds: float) -> None:
    other_end(connection).hand.let_pass(seconds)


def send_and_see_it_read(connection: socket.socket, content: bytes) -> None:
    """Send what has no answer yet, and wait until the server has looked at it."""
    end = other_end(connection)
    before = end.read
    connection.sendall(content)
    until(lambda: end.read == before + len(content))


def test_a_request_in_one_piece_or_in_many_is_answered(client: httpx.Client) -> None:
    with connected(client) as connection:
        for _ in range(2):
            connection.sendall(WHOLE)
            assert whole_answer(connection).endswith(b"4")
        for byte in WHOLE:
            connection.sendall(bytes([byte]))
        assert whole_answer(connection).endswith(b"4")


def test_an_idle_connection_between_requests_is_kept(timed: httpx.Client) -> None:
    with connected(timed) as connection:
        for _ in range(3):
            connection.sendall(WHOLE)
            assert whole_answer(connection).endswith(b"4")
            let_pass(connection, 1.5 * HAND_SECONDS)


@pytest.mark.parametrize("content", [HEAD + b"x-a: %s\r\n" % (b"y" * 90) * 30 + b"\r\n", b"GET /" + b"y" * 3000])
def test_a_head_that_is_too_large_is_431(client: httpx.Client, content: bytes) -> None:
    """Many headers, or a first line without end. Bytes that nobody read would turn the answer into a reset."""
    with connected(client) as connection:
        connection.sendall(content)
        answered = read_all(connection)
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
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            until(lambda: connection.sendall(content))


def test_a_head_just_below_the_bound_is_read_whatever_body_follows(client: httpx.Client) -> None:
    head = HEAD.replace(b"content-length: 4", b"content-length: 5000") + b"x: %s\r\n" % (b"y" * 1850)
    with connected(client) as connection:
        connection.sendall(head + b"\r\n" + b"b" * 5000)
        assert whole_answer(connection).endswith(b"5000")


def test_a_head_that_does_not_arrive_in_time_is_408(timed: httpx.Client) -> None:
    with connected(timed) as connection:
        send_and_see_it_read(connection, HEAD)
        let_pass(connection, HAND_SECONDS)
        answered = read_all(connection)
    assert answered.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"slow_head"' in answered


def test_a_head_that_dribbles_on_a_kept_connection_is_cut_off_no_sooner_and_no_later(timed: httpx.Client) -> None:
    with connected(timed) as connection:
        connection.sendall(WHOLE)
        assert whole_answer(connection).endswith(b"4")
        send_and_see_it_read(connection, HEAD + b"x: ")
        for _ in range(7):
            let_pass(connection, HAND_SECONDS / 8)
            send_and_see_it_read(connection, b"y")
        assert not other_end(connection).transport.is_closing()
        let_pass(connection, HAND_SECONDS / 8)
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_says_nothing_is_closed_without_an_answer() -> None:
    with serving(APP, HastyForHeads) as client, connected(client) as connection:
        assert read_all(connection) == b""


def test_the_rest_of_a_refused_body_is_not_waited_for_long() -> None:
    with serving(APP, HastyForTheRest) as client, connected(client) as connection:
        connection.sendall(REFUSED % 100_000 + b"begun")
        answered = read_all(connection)
    assert answered.startswith(b"HTTP/1.1 401 ")


def test_a_refused_body_that_does_arrive_leaves_the_connection_usable(timed: httpx.Client) -> None:
    with connected(timed) as connection:
        connection.sendall(REFUSED % 8 + b"body")
        assert whole_answer(connection).startswith(b"HTTP/1.1 401 ")
        connection.sendall(b"body" + WHOLE)
        assert whole_answer(connection).endswith(b"4")
        let_pass(connection, 1.5 * HAND_SECONDS)
        connection.sendall(WHOLE)
        assert whole_answer(connection).endswith(b"4")


def test_what_is_no_http_is_400(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(b"\x16\x03\x01 no request\r\n\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", [b"read", b"refuse"])
def test_a_request_for_another_protocol_is_answered_and_ends_the_connection(timed: httpx.Client, path: bytes) -> None:
    """The parser reads nothing behind it: a connection that was kept could be held by a byte now and then."""
    with connected(timed) as connection:
        connection.sendall(HEAD.replace(b"read", path) + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n")
        answered = whole_answer(connection)
        connection.sendall(b"body")
        assert read_all(connection) == b""
    assert answered.startswith(b"HTTP/1.1 200 " if path == b"read" else b"HTTP/1.1 401 ")


def test_requests_sent_ahead_of_answers_are_answered_up_to_a_bound(client: httpx.Client) -> None:
    """Without a bound anybody could fill the memory by asking and never reading an answer."""
    most = Patient.most_waiting
    with connected(client) as connection:
        connection.sendall(most * WHOLE)
        answered = b""
        while answered.count(b"HTTP/1.1 200 ") < most:
            piece = connection.recv(65_536)
            assert piece
            answered += piece
    with connected(client) as connection:
        connection.sendall(2 * most * WHOLE)
        assert read_all(connection).count(b"HTTP/1.1 200 ") <= most
