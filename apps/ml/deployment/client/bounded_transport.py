"""HTTP over blocking sockets within a deadline, however the bytes arrive.

httpx bounds every single wait; a server that sends one byte a second could hold a call for ever. Here the waits of one
try share its limits: what reaches the sockets as a timeout is not a length of time but a moment of the clock.
"""

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from apps.ml.deployment.client.tries import Lost, TryLimits

CONNECTIONS = 100
IDLE_CONNECTIONS = 20
IDLE_SECONDS = 60.0
"""Less than the server keeps an idle connection, so that the client is the one to close it."""

PIECE_BYTES = 65_536
"""Bodies are sent in pieces, each within what is left of the time."""

Now = Callable[[], float]


def timeouts_until(limits: TryLimits) -> dict[str, float]:
    """Return the `timeout` extension of a request: moments for the sockets, a length of time for the pool."""
    moments = {"connect": limits.connected, "write": limits.answered, "read": limits.answered}
    return {**moments, "pool": limits.answered - limits.began}


def lost(error: httpx.RequestError | TimeoutError) -> Lost:
    """Say in words why a try brought no answer; the text of foreign errors stays out."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Lost("The model server cannot be reached")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Lost("The model server did not answer in time")
    if isinstance(error, httpx.DecodingError):
        return Lost("The answer of the model server cannot be decoded")
    return Lost("The model server closed the connection before its answer was whole")


class BoundedTransport(httpx.BaseTransport):
    """One pool of connections whose requests carry :func:`timeouts_until`; answers are read whole."""

    def __init__(self, now: Now) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=CONNECTIONS,
            max_keepalive_connections=IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=_Sockets(now),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return its whole answer."""
        asked = httpcore.Request(
            request.method,
            str(request.url),
            headers=request.headers.raw,
            content=request.read(),
            extensions=request.extensions,
        )
        with httpx_errors():
            answered = self._pool.handle_request(asked)
            try:
                content = answered.read()
            finally:
                answered.close()
        return httpx.Response(answered.status, headers=answered.headers, content=content)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


@contextmanager
def httpx_errors() -> Iterator[None]:
    """Raise what httpcore raises as the errors of httpx."""
    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        raise httpx.ConnectError(str(error)) from error
    except httpcore.TimeoutException as error:
        raise httpx.ReadTimeout(str(error)) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise httpx.RemoteProtocolError(str(error)) from error


class _Sockets(httpcore.NetworkBackend):
    def __init__(self, now: Now) -> None:
        self._now = now
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        # A name may stand for several addresses; asked for all at once, each of them would get the whole time.
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in _addresses(host, port):
            left = _left(timeout, self._now, httpcore.ConnectTimeout)
            try:
                return _Stream(self._plain.connect_tcp(address, port, left, local_address, socket_options), self._now)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Stream(httpcore.NetworkStream):
    def __init__(self, plain: httpcore.NetworkStream, now: Now) -> None:
        self._plain, self._now = plain, now

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, _left(timeout, self._now, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE_BYTES):
            piece = buffer[start : start + PIECE_BYTES]
            self._plain.write(piece, _left(timeout, self._now, httpcore.WriteTimeout))

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, self._now, httpcore.ConnectTimeout)
        return _Stream(self._plain.start_tls(ssl_context, server_hostname, left), self._now)

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _left(moment: float | None, now: Now, late: type[httpcore.TimeoutException]) -> float | None:
    if moment is None:
        return None
    left = moment - now()
    if left <= 0:
        raise late("the deadline has passed")
    return left
