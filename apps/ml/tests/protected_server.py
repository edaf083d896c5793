"""What tests of protection share: a clock moved by hand, rings, headers, and a real server for any application."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from sqlalchemy import Engine
from starlette.types import ASGIApp

from apps.ml.deployment.protection.bounded_http import BoundedHttpProtocol
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.key_ring import KeyRing, RingSettings
from apps.ml.deployment.protection.key_store import MICROSECONDS, NewKey
from apps.ml.deployment.protection.token_bucket import NANOSECONDS
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.http_server import KEEP_ALIVE_SECONDS, connection_protocol, listen

PATIENCE_SECONDS = 120.0
NOON = 1_800_000_000.0
MakeKey = Callable[..., NewKey]
MakeDoor = Callable[..., Door]
Headers = list[tuple[bytes, bytes]]


class Clock:
    """A clock that a test moves by hand; `elapsed`: seconds since noon."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def __call__(self) -> float:
        """Seconds since 1970."""
        return NOON + self.elapsed

    def monotonic(self) -> int:
        """Nanoseconds since noon."""
        return round(self.elapsed * NANOSECONDS)

    @property
    def moment(self) -> int:
        """Microseconds since 1970."""
        return int(self() * MICROSECONDS)


def ring_of(
    engine: Engine, clock: Clock, stale_seconds: int = 600, per_minute: int | None = None, processes: int = 1
) -> KeyRing:
    """Return a ring that reads only when it is told to."""
    return KeyRing(engine, RingSettings(3, stale_seconds, per_minute, processes), clock, clock.monotonic)


def bearer(text: str) -> Headers:
    """Return the headers of a request that shows a key."""
    return [(b"host", b"localhost"), (b"authorization", b"Bearer " + text.encode())]


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds.

    Raises
    ------
    TimeoutError
        It does not for longer than a test should take.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("what the test waits for did not come about")
        time.sleep(0.01)


@contextmanager
def serving(app: ASGIApp, http: type[BoundedHttpProtocol] | None = None) -> Iterator[httpx.Client]:
    """Run a real HTTP server on a free port and yield a client of it; None: the protocol that it has when deployed."""
    protocol: Any = http or (connection_protocol(app) if isinstance(app, Application) else BoundedHttpProtocol)
    listening = listen("127.0.0.1", 0)
    configuration = uvicorn.Config(
        app,
        http=protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=PATIENCE_SECONDS) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
