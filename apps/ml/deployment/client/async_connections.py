"""HTTP over asyncio: connections to one server, each of which is looked at only when it is wanted.

A pool that looks at all of its connections whenever a request comes or goes takes four times the processor time with
64 of them (`tests/benchmark/decisions` is where that shows); here the one used last is used first.
"""

import asyncio
from collections import deque
from collections.abc import Mapping

import httpcore
import httpx

from apps.ml.deployment.client.bounded_transport import CONNECTIONS, IDLE_SECONDS, httpx_errors
from apps.ml.deployment.client.tries import TryLimits


class AsyncConnections:
    """Connections to the server at one address, to be used in one event loop. `headers` go with every request."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        self._root = httpcore.URL(address)
        self._prefix = self._root.target.rstrip(b"/")
        self._ssl = httpx.create_ssl_context()
        self._headers = [(b"Host", _host_of(self._root)), *_as_bytes(headers)]
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()
        self._places = asyncio.Semaphore(CONNECTIONS)

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None, limits: TryLimits
    ) -> httpx.Response:
        """Send one request and return its whole answer.

        Raises
        ------
        httpx.RequestError
            The server cannot be reached, broke off, or what it sent is no answer.
        TimeoutError
            The answer was not whole in time.
        """
        request = self._request(method, path, headers, content, limits)
        async with asyncio.timeout(limits.answered - limits.began), self._places:
            connection = await self._connection()
            try:
                with httpx_errors():
                    answered = await connection.handle_async_request(request)
                    try:
                        body = await answered.aread()
                    finally:
                        await answered.aclose()
            finally:
                if connection.is_idle():
                    self._idle.append(connection)
                else:
                    await connection.aclose()
        return httpx.Response(answered.status, headers=answered.headers, content=body)

    async def close(self) -> None:
        """Close the connections that wait."""
        while self._idle:
            await self._idle.pop().aclose()

    async def _connection(self) -> httpcore.AsyncHTTPConnection:
        while self._idle and self._idle[0].has_expired():
            await self._idle.popleft().aclose()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_idle() and not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(self._root.origin, self._ssl, keepalive_expiry=IDLE_SECONDS)

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None, limits: TryLimits
    ) -> httpcore.Request:
        url = httpcore.URL(
            scheme=self._root.scheme,
            host=self._root.host,
            port=self._root.port,
            target=self._prefix + path.encode("ascii"),
        )
        length = [] if content is None else [(b"Content-Length", b"%d" % len(content))]
        return httpcore.Request(
            method,
            url,
            headers=[*self._headers, *_as_bytes(headers), *length],
            content=content,
            extensions={"timeout": {"connect": limits.connected - limits.began}},
        )


def _host_of(root: httpcore.URL) -> bytes:
    name = b"[%b]" % root.host if b":" in root.host else root.host
    return name if root.port is None else b"%b:%d" % (name, root.port)


def _as_bytes(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
