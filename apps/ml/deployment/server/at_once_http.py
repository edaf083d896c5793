"""HTTP connections whose plain requests are answered where they were read."""

from asyncio import AbstractEventLoop, TimerHandle, get_running_loop
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from apps.ml.deployment.protection.bounded_http import BoundedHttpProtocol
from apps.ml.deployment.requests.caller import ADMITTED, Caller
from apps.ml.deployment.server.at_once import Answer, AtOnce
from apps.ml.deployment.server.outbox import Outbox

LONGEST_BODY = 64_000
"""Bytes; longer bodies are scored in threads, so that they do not delay the others."""

HELD_SECONDS = 0.05
"""Clients that write head and body one after the other send the body well within this time. Longer nobody is waited
for here: bodies that come slowly are the application's, which counts and bounds them."""

NOT_PLAIN = frozenset((b"connection", b"content-encoding", b"expect", b"transfer-encoding", b"upgrade"))
"""Headers that change how a request is read or how its connection goes on; `Connection: keep-alive` changes nothing."""


class AtOnceProtocol(BoundedHttpProtocol):
    """Holds a plain request back until it is whole and asks `at_once`; to all else it is the protocol it is made of.

    Of what one read of the socket brings, only the first request is held back, so that nobody occupies the loop by
    sending many requests together; the rest of its body is waited for :data:`HELD_SECONDS` at most. Where other
    connections are open, `outbox` sends the answer; whatever else happens on this one finds it sent before.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
        *,
        at_once: AtOnce,
        outbox: Outbox,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._at_once, self._outbox = at_once, outbox
        self._unsent = b""
        self._held: list[bytes] | None = None
        self._held_bytes = 0
        self._holding: TimerHandle | None = None
        self._is_plain = False
        self._is_first = False

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        self._send()
        self._is_first = self._held is None
        super().data_received(data)
        if self._held is not None and self._holding is None:
            self._holding = self.loop.call_later(HELD_SECONDS, self._go_on)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a request that never became whole, and an answer that nobody waits for."""
        self._released()
        self._unsent = b""
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Hand a request that has begun to the application before the server ends, which then waits for it."""
        self._send()
        if self._held is not None:
            self._go_on()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, behind the answer to what was."""
        self._send()
        super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._send()
        self._is_plain = self._is_first
        self._is_first = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header is there."""
        lower = name.lower()
        if lower in NOT_PLAIN and value.lower() != b"keep-alive":
            self._is_plain = False
            super().on_header(name, value)
        else:
            self.headers.append((lower, value))

    def on_headers_complete(self) -> None:
        """A head is whole: hold its request back if it is plain and nothing is ahead of it."""
        if not self._is_plain or not self._is_next():
            super().on_headers_complete()
            return
        self.require_bounded_head()
        self._held = []
        self._held_bytes = 0

    def on_body(self, body: bytes) -> None:
        """A part of a body is there."""
        if self._held is None:
            super().on_body(body)
            return
        self._held.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > LONGEST_BODY:
            self._go_on()

    def on_message_complete(self) -> None:
        """A request is whole."""
        held = self._held
        if held is not None:
            body = held[0] if len(held) == 1 else b"".join(held)
            found = self._at_once.answer(self.url, dict(self.headers), body, self.client and self.client[0])
            if isinstance(found, Answer):
                self._held = None
                if self._holding is not None:
                    self._released()
                self._write(found)
                return
            self._go_on(found)
        super().on_message_complete()

    def _is_next(self) -> bool:
        return (
            self.url in self._at_once.paths
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and getattr(self.cycle, "response_complete", True)
            and not self.flow.write_paused
        )

    def _go_on(self, caller: Caller | None = None) -> None:
        """Hand the request that was held back to the application, with whom the door has let in."""
        held = self._released()
        if caller is not None:
            self.scope["state"][ADMITTED] = caller
        HttpToolsProtocol.on_headers_complete(self)  # its head was taken when it was whole
        for piece in held:
            super().on_body(piece)

    def _released(self) -> list[bytes]:
        """Hold nothing back any more, and return the pieces of the body that were there."""
        held = self._held or []
        self._held = None
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        return held

    def _write(self, answer: Answer) -> None:
        first = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        self._unsent = b"".join((STATUS_LINE[answer.status], *first, answer.lines, answer.body))
        if len(self.connections) > 1:
            self._outbox.add(self._send)
        else:
            self._send()
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _send(self) -> None:
        """Send an answer that was written and not sent, if there is one."""
        if self._unsent:
            unsent, self._unsent = self._unsent, b""
            self.transport.write(unsent)


def protocol_of(at_once: AtOnce) -> Callable[..., AtOnceProtocol]:
    """Return what makes the protocol of each connection; to be given to uvicorn as `http`."""
    outbox: Outbox | None = None

    def protocol(*args: Any, **kwargs: Any) -> AtOnceProtocol:
        nonlocal outbox
        outbox = outbox or Outbox(get_running_loop())
        return AtOnceProtocol(*args, **kwargs, at_once=at_once, outbox=outbox)

    return protocol
