"""What a test does to a running server in place of being quicker than it: its loop stands, its clock goes on."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from apps.backend.observation import logs
from apps.backend.tests.product import PATIENCE_SECONDS, Product, until

TURNS = 20
"""Of an event loop: as many as it takes until what had arrived before them is worked on."""


@contextmanager
def standing_still(product: Product) -> Iterator[None]:
    """Let the server do nothing meanwhile: what is sent here is there before any of its times begins."""
    stands, goes_on = threading.Event(), threading.Event()

    def stand() -> None:
        stands.set()
        goes_on.wait(PATIENCE_SECONDS)

    product.loop.call_soon_threadsafe(stand)
    try:
        assert stands.wait(PATIENCE_SECONDS), "the server's loop turns"
        yield
    finally:
        goes_on.set()


def later(product: Product, seconds: float) -> None:
    """Put the clock of the server's loop forward, after it worked on what has arrived."""
    product.run(_turned())
    ahead = product.loop.time() - time.monotonic() + seconds
    product.loop.time = lambda: time.monotonic() + ahead  # type: ignore[method-assign]
    product.run(_turned())


async def _turned() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def noted(patch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what waits until the request of an id has its line in the log: that is written after its answer."""
    seen: set[str] = set()
    write = logs.request_answered

    def note(
        method: str, route: str | None, status: int, seconds: float, organisation: str | None, request_id: str
    ) -> None:
        write(method, route, status, seconds, organisation, request_id)
        seen.add(request_id)

    patch.setattr(logs, "request_answered", note)
    return lambda request_id: until(lambda: request_id in seen)
