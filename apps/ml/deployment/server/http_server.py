"""One socket and one event loop: listening, running the application, a clean end."""

import errno
import os
import signal
import socket
from typing import Any

import uvicorn

from apps.ml.deployment.protection.bounded_http import BoundedHttpProtocol
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.at_once_http import protocol_of
from apps.ml.deployment.server.end_signals import on_end_signals
from apps.ml.errors import BadInputError

GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
"""Longer than the pools of usual clients keep an idle connection, so that the server is not the one to close it."""

BACKLOG = 1024
PROXIES_VARIABLE = "FORWARDED_ALLOW_IPS"
"""Addresses of proxies whose X-Forwarded-For and -Proto are believed; unset: nobody's."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; :class:`BadInputError` where the address is taken or not of this machine."""
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
        raise BadInputError(f"{host}:{port} {why}. {repair}.") from error


def address_of(listening: socket.socket) -> str:
    """Return the address that clients use."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def http_server(application: Application) -> uvicorn.Server:
    """Return the server of one application; what escapes the application was logged without values."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="on",
            loop="uvloop",
            http=connection_protocol(application),
            ws="none",  # a connection that was handed over to WebSocket would be bounded by nothing
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=is_behind_proxy(),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def connection_protocol(application: Application) -> Any:
    """Return what uvicorn makes of connections: whole plain requests are answered at once, but not where more is asked.

    Behind a proxy the application's own wrapping tells who the client is; what is traced needs a context of its own.
    """
    if is_behind_proxy() or application.options.tracing is not None:
        return BoundedHttpProtocol
    return protocol_of(application.at_once)


def is_behind_proxy() -> bool:
    """Whether the headers of some proxy are believed."""
    return bool(os.environ.get(PROXIES_VARIABLE))


def run_until_told(server: uvicorn.Server, listening: socket.socket) -> None:
    """Run until told to end.

    uvicorn takes SIGTERM and SIGINT, and raises them again when it is done: the handlers here take them then. SIGHUP,
    which it does not know, they take all the time.
    """

    def end(*_: object) -> None:
        # Also where uvicorn does not listen to signals yet: it ends once it has started.
        server.should_exit = True

    previous = on_end_signals(end)
    try:
        server.run(sockets=[listening])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        listening.close()
