"""What the backend's tests share: a real server over a real database, organisations, and clients of every role."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from apps.backend import moments
from apps.backend.application import create_application
from apps.backend.background import Job
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import ROLES, Caller, Role
from apps.backend.identity.passwords import Passwords
from apps.backend.identity.secrets import KEY_PREFIX, digest_of, new_secret
from apps.backend.identity.tables import model_grants, service_keys
from apps.backend.operation.serving import configuration
from apps.backend.parts import Parts
from apps.backend.settings import Settings
from apps.backend.storage.tables import organisations

NOWHERE = "http://127.0.0.1:9"
"""An address at which nobody answers: upstreams of tests that ask none."""
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Clients here ask over plain HTTP: reading everybody's certificates would take longer than all the rest."""
PATIENCE_SECONDS = 120.0
"""How long tests wait for what is to come: on a slow machine it comes late, and only what never comes takes so long."""


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@dataclass
class StandingClock:
    """Takes the place of `time` and of `moments` in a module: its seconds pass when a test says so."""

    MICROSECONDS = moments.MICROSECONDS

    seconds: float = field(default_factory=time.monotonic)
    _ahead: float = field(default_factory=lambda: time.time() - time.monotonic())

    def __call__(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        """Return seconds from anywhere."""
        return self.seconds

    def now(self) -> int:
        """Return the moment that belongs to them."""
        return round((self.seconds + self._ahead) * self.MICROSECONDS)


@dataclass
class Organisation:
    """An organisation with a service key of each role."""

    id: str
    name: str
    address: str
    secrets: dict[Role, str]
    _clients: list[httpx.Client] = field(default_factory=list)

    def client(self, role: Role = "admin") -> httpx.Client:
        """Return a client that asks in this role."""
        headers = {"Authorization": f"Bearer {self.secrets[role]}"}
        made = httpx.Client(base_url=self.address, headers=headers, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES)
        self._clients.append(made)
        return made


@dataclass
class Product:
    """A running backend. `jobs`: its background jobs, also where a test keeps them from running by themselves."""

    address: str
    parts: Parts
    loop: asyncio.AbstractEventLoop
    jobs: list[Job]
    organisations: list[Organisation] = field(default_factory=list)

    def run(self, work: Any) -> Any:
        """Run a coroutine in the server's event loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_SECONDS)

    def get(self, path: str) -> httpx.Response:
        """Ask without a secret."""
        return httpx.get(self.address + path, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES)

    def organisation(self, name: str, models: tuple[str, ...] = ("loans",)) -> Organisation:
        """Make an organisation that may use these models."""
        made = Organisation(new_id(), name, self.address, {role: new_secret(KEY_PREFIX) for role in ROLES})
        self.run(self._store(made, models))
        self.organisations.append(made)
        return made

    def close(self) -> None:
        """Close the clients."""
        for organisation in self.organisations:
            for client in organisation._clients:
                client.close()

    async def _store(self, made: Organisation, models: tuple[str, ...]) -> None:
        now = moments.now()
        keys = [
            {"id": new_id(), "organisation_id": made.id, "name": role, "role": role, "digest": digest_of(secret),
             "created_at": now}
            for role, secret in made.secrets.items()
        ]  # fmt: skip
        async with self.parts.database.writing() as connection:
            await connection.execute(organisations.insert(), {"id": made.id, "name": made.name, "created_at": now})
            await connection.execute(service_keys.insert(), keys)
            if models:
                grants = [{"organisation_id": made.id, "model": model, "created_at": now} for model in models]
                await connection.execute(model_grants.insert(), grants)


def small_settings(folder: Path, **changes: Any) -> Settings:
    """Return settings whose files are below `folder` and whose upstreams are nowhere."""
    usual = Settings(
        database=f"sqlite:///{folder / 'backend.db'}",
        state=folder / "state",
        model_server=NOWHERE,
        evidence=NOWHERE,
    )
    return replace(usual, **changes)


@contextmanager
def running_backend(
    settings: Settings,
    change: Callable[[Parts], None] = lambda _: None,
    extend: Callable[[FastAPI], None] = lambda _: None,
) -> Iterator[Product]:
    """Run the backend on a free port of 127.0.0.1; `change` may exchange parts before it starts, `extend` add to it."""
    app = create_application(settings)
    app.state.parts.passwords = Passwords(time_cost=1, memory_cost=8, parallelism=1)
    jobs = list(app.state.parts.background.jobs)
    change(app.state.parts)
    extend(app)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(configuration(app, settings, loop="asyncio"))
    loop = asyncio.new_event_loop()

    def serve() -> None:
        # What still runs at the end is cancelled and waited for, as where the command serves.
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve(sockets=[listening]))

    thread = threading.Thread(target=serve)
    thread.start()
    product = Product(f"http://127.0.0.1:{listening.getsockname()[1]}", app.state.parts, loop, jobs)
    try:
        _wait_until_started(server, thread)
        yield product
    finally:
        product.close()
        server.should_exit = True
        thread.join()
        listening.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the backend did not start")
        time.sleep(0.01)


def caller_of(organisation: Organisation, role: Role = "admin") -> Caller:
    """Return a caller for tests that need no request."""
    return Caller(organisation.id, f"key:{role}", role, role)
