"""HTTP connections that cannot be held open or filled before a request has even begun.

uvicorn waits for a request's head (its first line and headers) as long as somebody sends a byte now and then, and goes
on reading a body that nobody wants any more. Here a head has a time, the rest of a refused body has a time, and a
process takes so many connections and no more; what is no HTTP is refused in the shape of every other problem. How large
a head may grow is h11's bound: :data:`MOST_HEAD_BYTES` goes to uvicorn as `h11_max_incomplete_event_size`.

References: RFC 6585, section 5 (431); RFC 9110, section 15.5.9 (408); RFC 9112, section 3 (400).
"""

import asyncio
import sys
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from apps.backend.observation.request_ids import REQUEST_ID, request_id_of
from apps.backend.problems import ProblemError, response_to
from apps.backend.protection.security_headers import SECURITY_HEADERS

MOST_HEAD_BYTES = 32_768


class BoundedH11Protocol(H11Protocol):
    """To be given to uvicorn as `http`.

    `head_seconds`: time for a whole head, from the opening of a connection or from the first byte of a later head;
    `rest_seconds`: time for the rest of a body after its request was answered; `most_connections`: of this process.
    """

    head_seconds = 20.0
    rest_seconds = 10.0
    most_connections = 2000

    _head_timer: asyncio.TimerHandle | None = None
    _rest_timer: asyncio.TimerHandle | None = None
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too many connections are open. Ask again later.")
            return
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; a head that has begun gets its time."""
        if self._is_refused:
            return
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Give the rest of a body that was answered early a time to arrive: it is read and thrown away."""
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._rest_timer = self.loop.call_later(self.rest_seconds, self.transport.close)
        super().on_response_complete()
        self._watch_head()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's words are not ours)
        """Refuse what is no HTTP, or too large a head of it."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
        if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            self._refuse(HTTPStatus(status), "head_too_large", head_too_large())
        else:
            detail = "This is no HTTP/1.1 request. Send one as RFC 9112 writes them."
            self._refuse(HTTPStatus.BAD_REQUEST, "no_http", detail)

    def _watch_head(self) -> None:
        is_waiting = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if self.conn.their_state is not h11.SEND_BODY and self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
        if not is_waiting:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None and self.conn.trailing_data[0]:
            self._head_timer = self.loop.call_later(self.head_seconds, self._give_up_head)

    def _give_up_head(self) -> None:
        if not self.conn.trailing_data[0]:
            self.transport.close()  # nothing was asked: there is nothing to answer
            return
        detail = f"The request's headers did not arrive within {self.head_seconds:g} seconds. Send them in one go."
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "slow_head", detail)

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answer in place of the application, and close."""
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self._is_refused = True
        if not getattr(self.cycle, "response_complete", True):
            # An answer may be half written: the application is told that its client is gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        else:
            self.transport.write(_refusal(status, code, detail))
        self.transport.close()

    def _stop_waiting(self) -> None:
        for timer in (self._head_timer, self._rest_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._rest_timer = None


def head_too_large() -> str:
    """Return what is said of a head that is too large."""
    return f"The request's headers are larger than {MOST_HEAD_BYTES} bytes. Send fewer or shorter ones."


def _refusal(status: HTTPStatus, code: str, detail: str) -> bytes:
    token = REQUEST_ID.set(request_id_of(None))
    try:
        response = response_to(ProblemError(status, code, detail))
        own = [(b"connection", b"close"), (b"x-request-id", str(REQUEST_ID.get()).encode("ascii"))]
    finally:
        REQUEST_ID.reset(token)
    security = [(name.encode("ascii"), value.encode("ascii")) for name, value in SECURITY_HEADERS.items()]
    lines = b"".join(b"%s: %s\r\n" % header for header in (*response.raw_headers, *own, *security))
    return b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode("ascii")) + lines + b"\r\n" + bytes(response.body)
