"""`fairmind-backend serve`: one socket and one event loop, requests that are answered to the end, exit codes."""

import asyncio
import errno
import json
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI

from apps.backend.observation.logs import configure_logs
from apps.backend.protection.http_connections import MOST_HEAD_BYTES, BoundedH11Protocol
from apps.backend.settings import HTTPS_VARIABLE, SettingError, Settings
from apps.backend.storage.database import Database
from apps.backend.storage.schema import upgrade

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
"""Longer than the pools of usual clients keep an idle connection, so that the server is not the one to close it."""

BACKLOG = 1024


@dataclass(frozen=True)
class Announcements:
    """One line per event: on stderr for people, as JSON on stdout for machines."""

    as_json: bool

    def say(self, event: str, text: str, **facts: Any) -> None:
        """Print one event at once."""
        if self.as_json:
            print(json.dumps({"event": event, **facts}), flush=True)
        else:
            print(text, file=sys.stderr, flush=True)


def serve(
    settings: Settings, create: Callable[[Settings], FastAPI], host: str, port: int, announcements: Announcements
) -> None:
    """Serve until SIGTERM or SIGINT, and give the requests that have begun ten seconds to end.

    Raises
    ------
    SettingError
        The address cannot be listened on, or a setting holds what it cannot mean.
    ProblemError
        503 the database does not answer.
    """
    listening = listen(host, port)
    try:
        address = address_of(listening)
        announcements.say("listening", f"Looking at the tables; {address} answers soon", address=address)
        if not settings.https and not is_loopback(host):
            announcements.say("warning", warning_of(host), warning=warning_of(host))
        # Before the application starts, so that what is wrong with the database ends the command with its own words.
        asyncio.run(_bring_up_to_date(settings))
        configure_logs()
        app = create(settings)
        app.openapi()  # half a second's work, which no request is to wait for
        server = AnnouncingServer(configuration(app, settings))
        server.on_ready = lambda: announcements.say("ready", f"Ready: {address}/openapi.json", address=address)
        run_until_told(server, listening)
        announcements.say("ended", "Ended; what had begun was answered", address=address)
    finally:
        listening.close()


async def _bring_up_to_date(settings: Settings) -> None:
    database = Database(settings.database, create=True)
    try:
        await upgrade(database)
    finally:
        await database.close()


class AnnouncingServer(uvicorn.Server):
    """Tells when it answers."""

    on_ready: Callable[[], None] = staticmethod(lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        if self.started:
            self.on_ready()


def configuration(app: FastAPI, settings: Settings, loop: Literal["uvloop", "asyncio"] = "uvloop") -> uvicorn.Config:
    """Return how uvicorn runs the backend: bounded connections, no WebSockets, no word about its version."""
    return uvicorn.Config(
        app,
        lifespan="on",
        loop=loop,
        http=BoundedH11Protocol,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        ws="none",  # a connection that was handed over to WebSocket would be bounded by nothing
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises
    ------
    SettingError
        The address is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sends small answers at once (TCP_NODELAY) only on sockets that name it;
    # without it every answer on a kept connection waits 40 ms for an acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        return listening
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        why = "is taken" if taken else f"cannot be listened on ({error.strerror})"
        repair = "Choose another --port (0: any that is free)" if taken else "Choose another --host or --port"
        raise SettingError(f"{host}:{port} {why}. {repair}.") from error


def address_of(listening: socket.socket) -> str:
    """Return the address that clients use."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens on a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def warning_of(host: str) -> str:
    """Return what is said where others than this machine reach the server."""
    return (
        f"{host} is reached from other machines, and this server speaks plain HTTP: secrets and decisions travel open. "
        f"Put a proxy with TLS in front of it, and set {HTTPS_VARIABLE}=on."
    )


def run_until_told(server: uvicorn.Server, listening: socket.socket) -> None:
    """Run until SIGTERM or SIGINT; uvicorn raises the signal again when it is done, and the handlers here take it."""

    def end(*_: object) -> None:
        # Told before uvicorn listens to signals: it ends once it has started.
        server.should_exit = True

    previous = {number: signal.signal(number, end) for number in STOP_SIGNALS}
    try:
        server.run(sockets=[listening])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
