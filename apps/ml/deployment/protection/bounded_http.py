"""HTTP connections that cannot be held open or filled before a request has even begun.

uvicorn's protocol over httptools reads a request's head (its first line and headers) however long it is and however
long it takes, and goes on reading a body that nobody wants any more. Here a head has a size and a time, and a body that
was refused has a time. Bodies that are wanted are bounded where they are read (`requests.limits`).

References: RFC 6585, section 5 (431); RFC 9110, sections 7.8 (a server may ignore Upgrade) and 15.5.9 (408).
"""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from apps.ml.deployment.protection.response_headers import SECURITY_HEADERS
from apps.ml.deployment.requests.error_shape import ErrorAnswer, ErrorBody


class HeadTooLargeError(Exception):
    """Ends the parsing of a head."""


class TooManyWaitingError(Exception):
    """Ends the parsing of requests that were sent before the ones ahead of them were answered."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """To be given to uvicorn as `http`.

    `most_head_bytes`: of first line and headers together; what has arrived and is no whole head yet may exceed it by
    one read of the socket. `head_seconds`: time for a whole head, from the opening of a connection or from the first
    byte that shows it incomplete. `rest_seconds`: time for the rest of a body after the answer was sent.
    `most_waiting`: requests of one connection that wait for answers to those ahead of them; with more it is closed.
    """

    most_head_bytes = 32_768
    head_seconds = 20.0
    rest_seconds = 10.0
    most_waiting = 100

    _in_head = True
    _begun_in_this_read = False
    _head_bytes = 0
    _read_bytes = 0
    _too_large = False
    _head_timer: asyncio.TimerHandle | None = None
    _rest_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        self.pipeline.clear()  # nobody is there for the answers
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; a head that is still not whole is counted."""
        self._begun_in_this_read = False
        self._read_bytes = len(data)
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            # Of a read in which the head begins, what came before it is another request's.
            self._count_head(self._measured() if self._begun_in_this_read else len(data))

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = self._begun_in_this_read = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self.require_bounded_head()
        super().on_headers_complete()

    def require_bounded_head(self) -> None:
        """Take a whole head, or end the parsing where it or the number of waiting requests is too large."""
        # Measured only where it can be too large: this runs once per request.
        if self._head_bytes + self._read_bytes > self.most_head_bytes and self._measured() > self.most_head_bytes:
            self._too_large = True
            raise HeadTooLargeError
        if len(self.pipeline) >= self.most_waiting:
            raise TooManyWaitingError
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_message_complete(self) -> None:
        """A body is whole."""
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give the rest of a body that was answered early a time to arrive: it is read and thrown away."""
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()
        if self.cycle.more_body and self.cycle.response_complete and not self.transport.is_closing():
            self._rest_timer = self.loop.call_later(self.rest_seconds, self.transport.close)

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if no other protocol had been asked for, and end: behind such a request nothing is parsed."""
        if self.cycle.response_complete:
            self.transport.close()
        else:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too large a head of it."""
        if self._too_large:
            self._refuse_large_head()
        elif len(self.pipeline) >= self.most_waiting:
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _count_head(self, new_bytes: int) -> None:
        self._head_bytes += new_bytes
        if self._head_bytes > self.most_head_bytes:
            self._refuse_large_head()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._give_up_head)

    def _measured(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse_large_head(self) -> None:
        message = f"The request's headers are larger than {self.most_head_bytes} bytes. Send fewer or shorter ones."
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", message)

    def _give_up_head(self) -> None:
        if self.scope is None:
            self.transport.close()  # nothing was asked: there is nothing to answer
            return
        message = f"The request's headers did not arrive within {self.head_seconds:g} seconds. Send them in one go."
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "slow_head", message)

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        self._stop_waiting()
        if not getattr(self.cycle, "response_complete", True):
            self.transport.close()  # an answer to the request before may be half written
            return
        body = ErrorAnswer(error=ErrorBody(code=code, message=message)).model_dump_json().encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            *SECURITY_HEADERS,
        ]
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        first = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii")
        self.transport.write(first + lines + b"\r\n" + body)
        self.transport.close()

    def _stop_waiting(self) -> None:
        for timer in (self._head_timer, self._rest_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._rest_timer = None
