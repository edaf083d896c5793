"""Answers of one turn of an event loop, sent together at its end.

A reader that sleeps is woken by what is sent to it, and waking it costs the sender as much as half an answer. Sent one
after the other, answers find it awake.
"""

import time
from asyncio import AbstractEventLoop
from collections.abc import Callable

LONGEST_WAIT_SECONDS = 0.002
"""Nobody's answer waits longer than this for those of others."""


class Outbox:
    """What is to be sent at the end of this turn of `loop`; to be used in the loop's thread alone."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Callable[[], None]] = []
        self._since = 0.0

    def add(self, send: Callable[[], None]) -> None:
        """Call `send` at the end of this turn, in the order of adding."""
        if not self._waiting:
            self._since = time.monotonic()
            self._loop.call_soon(self._send_all)
        self._waiting.append(send)
        if time.monotonic() - self._since > LONGEST_WAIT_SECONDS:
            self._send_all()

    def _send_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for send in waiting:
            send()
