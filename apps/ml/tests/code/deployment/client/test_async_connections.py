"""The asynchronous client's connections: used again, the last one first, and never after something went wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from apps.ml.deployment.client import async_connections
from apps.ml.deployment.client.async_connections import AsyncConnections
from apps.ml.deployment.client.tries import TryLimits

SECONDS = 60.0


@dataclass
class Counting:
    """A server that counts its connections; a request's path says what it does."""

    address: str = ""
    opened: int = 0
    closed: int = 0
    heads: list[bytes] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                path = head.split()[1]
                if path.endswith(b"/held"):
                    await self.held.wait()
                if path.endswith(b"/half"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                    break
                last = b"Connection: close\r\n" if path.endswith(b"/last") else b""
                writer.write(b"HTTP/1.1 200 OK\r\n" + last + b"Content-Length: 2\r\n\r\n{}")
                if last or path.endswith(b"/gone"):
                    break
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            self.closed += 1
            writer.close()


class LeapingLoop(asyncio.SelectorEventLoop):
    """`leap`: seconds by which its clock is ahead; a test lets time pass at once."""

    leap = 0.0

    def time(self) -> float:
        return super().time() + self.leap


@asynccontextmanager
async def counting() -> AsyncIterator[tuple[Counting, AsyncConnections]]:
    found = Counting()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    connections = AsyncConnections(f"{found.address}/below", {"X-Own": "1"})
    try:
        yield found, connections
    finally:
        found.held.set()
        await connections.close()
        server.close()


async def ask(connections: AsyncConnections, path: str = "/quick") -> httpx.Response:
    now = asyncio.get_running_loop().time()
    return await connections.ask("GET", path, {}, None, TryLimits(now, now + SECONDS, now + SECONDS))


async def until(holds: Callable[[], object]) -> None:
    """Let the others work until something holds; :class:`TimeoutError` after a minute."""
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


def run(test: Callable[[Counting, AsyncConnections], Awaitable[Any]]) -> None:
    async def work() -> None:
        async with counting() as (server, connections):
            await test(server, connections)

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(work())


def test_requests_in_a_row_share_a_connection_and_say_where_they_go() -> None:
    async def test(server: Counting, connections: AsyncConnections) -> None:
        answers = [await ask(connections) for _ in range(3)]
        assert [answer.json() for answer in answers] == [{}, {}, {}]
        assert server.opened == 1
        head = server.heads[0].decode()
        assert head.startswith("GET /below/quick HTTP/1.1\r\n")
        assert f"Host: {server.address.removeprefix('http://')}\r\n" in head
        assert "X-Own: 1\r\n" in head

    run(test)


def test_requests_at_once_get_a_connection_each_and_leave_them_to_the_next() -> None:
    async def test(server: Counting, connections: AsyncConnections) -> None:
        asked = [asyncio.create_task(ask(connections, "/held")) for _ in range(5)]
        await until(lambda: len(server.heads) == 5)
        server.held.set()
        await asyncio.gather(*asked)
        await asyncio.gather(*(ask(connections) for _ in range(5)))
        assert server.opened == 5

    run(test)


@pytest.mark.parametrize("path", ["/last", "/half"])
def test_a_connection_that_ended_is_not_used_again(path: str) -> None:
    async def test(server: Counting, connections: AsyncConnections) -> None:
        if path == "/half":
            with pytest.raises(httpx.RemoteProtocolError):
                await ask(connections, path)
        else:
            await ask(connections, path)
        assert (await ask(connections)).status_code == 200
        assert server.opened == 2

    run(test)


def test_an_answer_that_is_late_or_unwanted_takes_its_connection_along() -> None:
    async def test(server: Counting, connections: AsyncConnections) -> None:
        late = asyncio.create_task(ask(connections, "/held"))
        await until(lambda: len(server.heads) == 1)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapingLoop)
        loop.leap = SECONDS
        with pytest.raises(TimeoutError):
            await late
        left = asyncio.create_task(ask(connections, "/held"))
        await until(lambda: len(server.heads) == 2)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        server.held.set()
        assert (await ask(connections)).json() == {}
        assert server.opened == 3

    run(test)


def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    async def test(server: Counting, connections: AsyncConnections) -> None:
        await ask(connections, "/gone")
        await until(connections._idle[0].has_expired)
        assert (await ask(connections)).status_code == 200
        await connections._idle[0].aclose()
        assert (await ask(connections)).status_code == 200
        assert server.opened == 3

    run(test)


def test_no_more_than_so_many_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_connections, "CONNECTIONS", 2)

    async def test(server: Counting, connections: AsyncConnections) -> None:
        asked = [asyncio.create_task(ask(connections, "/held")) for _ in range(4)]
        await until(lambda: len(server.heads) == 2)
        await asyncio.sleep(0.1)
        assert server.opened == 2
        server.held.set()
        await asyncio.gather(*asked)
        assert server.opened == 2

    run(test)


def test_closing_leaves_nothing_open() -> None:
    async def test(server: Counting, connections: AsyncConnections) -> None:
        await ask(connections)
        await connections.close()
        await until(lambda: server.closed == 1)

    run(test)
