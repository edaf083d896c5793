"""Answers of one turn of the event loop are sent together, each on its connection and in its place."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from apps.ml.deployment.server import outbox
from apps.ml.deployment.server.at_once import Answer
from apps.ml.deployment.server.at_once_http import AtOnceProtocol
from apps.ml.deployment.server.outbox import Outbox

PATH = b"/v1/predict"
REQUEST = b"POST %b HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\n" % PATH


class AnswersByBody:
    """Answers every request with its own body."""

    paths = frozenset([PATH])

    def answer(self, _: bytes, __: Mapping[bytes, bytes], body: bytes, ___: str | None) -> Answer:
        """Return it."""
        return Answer(HTTPStatus.OK, b"content-length: 2\r\n\r\n", body)


class Transport:
    """Keeps what is written to it, in the order of everything that all transports took."""

    def __init__(self, everything: list[tuple[str, bytes]], name: str) -> None:
        self.everything, self.name, self.closed = everything, name, False

    def write(self, content: bytes) -> None:
        """Take it, as long as it is open."""
        assert not self.closed
        self.everything.append((self.name, content[-2:]))

    def close(self) -> None:
        """Take nothing any more."""
        self.closed = True
        self.everything.append((self.name, b"//"))

    def is_closing(self) -> bool:
        """Whether it takes nothing any more."""
        return self.closed

    def get_extra_info(self, _: str) -> None:
        """Tell nothing."""


class Connections:
    """So many connections of one server, on the running loop."""

    def __init__(self, count: int) -> None:
        self.written: list[tuple[str, bytes]] = []
        self.asked_the_application: list[bytes] = []
        config = uvicorn.Config(self._application, interface="asgi3", log_config=None, proxy_headers=False)
        config.load()
        state, box = ServerState(), Outbox(asyncio.get_running_loop())
        answers: Any = AnswersByBody()
        self.all = [AtOnceProtocol(config, state, {}, at_once=answers, outbox=box) for _ in range(count)]
        for name, connection in zip("abcdefgh", self.all, strict=False):
            transport: Any = Transport(self.written, name)
            connection.connection_made(transport)

    async def _application(self, _: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        self.asked_the_application.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": body})

    async def turned(self, turns: int = 20) -> list[tuple[str, bytes]]:
        """Let the loop turn; return what was written so far."""
        for _ in range(turns):
            await asyncio.sleep(0)
        return self.written


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, a turn is not too long."""
    monkeypatch.setattr(outbox, "LONGEST_WAIT_SECONDS", 60.0)


def test_an_answer_alone_is_sent_where_it_is_given() -> None:
    async def run() -> None:
        served = Connections(1)
        served.all[0].data_received(REQUEST + b"11")
        assert served.written == [("a", b"11")]

    asyncio.run(run())


def test_answers_of_one_turn_are_sent_at_its_end_in_their_order() -> None:
    async def run() -> None:
        served = Connections(3)
        for connection, body in zip(served.all, (b"11", b"22", b"33"), strict=True):
            connection.data_received(REQUEST + body)
        assert served.written == []
        assert await served.turned() == [("a", b"11"), ("b", b"22"), ("c", b"33")]
        served.all[1].data_received(REQUEST + b"44")
        assert (await served.turned())[3:] == [("b", b"44")]

    asyncio.run(run())


def test_nobody_waits_long_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 100.0, 100.0019, 100.0021, 200.0, 200.0])
    monkeypatch.setattr(outbox, "LONGEST_WAIT_SECONDS", 0.002)
    monkeypatch.setattr(outbox, "time", SimpleNamespace(monotonic=lambda: next(moments)))

    async def run() -> None:
        served = Connections(4)
        for connection in served.all[:3]:
            connection.data_received(REQUEST + b"11")
        assert served.written == [("a", b"11"), ("b", b"11"), ("c", b"11")]
        served.all[3].data_received(REQUEST + b"22")
        assert len(served.written) == 3
        assert (await served.turned())[3:] == [("d", b"22")]

    asyncio.run(run())


@pytest.mark.parametrize("apart", [False, True])
def test_requests_of_one_connection_are_answered_in_their_order(apart: bool) -> None:
    """Of one read the second goes to the application; what comes in the same turn finds the answer sent."""

    async def run() -> None:
        served = Connections(2)
        for content in [REQUEST + b"11", REQUEST + b"22"] if apart else [REQUEST + b"11" + REQUEST + b"22"]:
            served.all[0].data_received(content)
        assert served.written == [("a", b"11")]
        bodies = [part for _, part in await served.turned() if part != b"\r\n"]  # the application's head comes apart
        assert bodies == [b"11", b"22"]
        assert served.asked_the_application == ([] if apart else [b"22"])

    asyncio.run(run())


@pytest.mark.parametrize("apart", [False, True])
def test_what_is_no_request_is_refused_behind_the_answer(apart: bool) -> None:
    async def run() -> None:
        served = Connections(2)
        for content in [REQUEST + b"11", b"\x00\x00"] if apart else [REQUEST + b"11" + b"\x00\x00"]:
            served.all[0].data_received(content)
        assert served.written == [("a", b"11"), ("a", b"d."), ("a", b"//")]
        assert await served.turned() == served.written[:3]

    asyncio.run(run())


def test_a_server_that_ends_sends_first() -> None:
    async def run() -> None:
        served = Connections(2)
        served.all[0].data_received(REQUEST + b"11")
        served.all[0].shutdown()
        assert served.written == [("a", b"11"), ("a", b"//")]
        await served.turned()

    asyncio.run(run())


def test_a_connection_that_is_gone_is_sent_nothing() -> None:
    async def run() -> None:
        served = Connections(2)
        served.all[0].data_received(REQUEST + b"11")
        served.all[1].data_received(REQUEST + b"22")
        served.all[0].connection_lost(None)
        assert await served.turned() == [("a", b"//"), ("b", b"22")]

    asyncio.run(run())
