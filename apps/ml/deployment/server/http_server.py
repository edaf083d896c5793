"""Running the application in this process: one socket, messages for people or machines, a clean end."""

import errno
import json
import logging
import signal
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from apps.ml.deployment.requests.refusals import LOGGER
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.versions.model_slot import UNEXPECTED
from apps.ml.deployment.versions.model_source import ModelSource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.errors import BadInputError, ServiceUnavailableError

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
"""Longer than the pools of usual clients keep an idle connection, so that the server is not the one to close it."""

BACKLOG = 1024


@dataclass
class Announcements:
    """One line per event: on stderr for people, as JSON on stdout for machines."""

    as_json: bool

    def say(self, event: str, text: str, **facts: Any) -> None:
        """Print one event at once."""
        if self.as_json:
            print(json.dumps({"event": event, **facts}), flush=True)
        else:
            print(text, file=sys.stderr, flush=True)


@dataclass
class LoadingEnd:
    """What the loading thread does at its end: it announces the model, or stops the server."""

    announcements: Announcements
    address: str
    shelf: Shelf | None = None
    server: uvicorn.Server | None = field(default=None, repr=False)

    def __call__(self, shelf: Shelf) -> None:
        """Take note of the shelf; a server without a model has nothing to do."""
        self.shelf = shelf
        slot = shelf.slots[0]
        if slot.model is None:
            if self.server is not None:
                self.server.should_exit = True
            return
        model = slot.model
        text = f"Ready after {slot.seconds:.1f} s: {model.label} answers at {self.address}/v1/predict"
        facts = {"model": model.name, "version": model.version, "alias": model.alias, "evidence": model.evidence}
        self.announcements.say("ready", text, address=self.address, **facts)


def run_server(source: ModelSource, host: str, port: int, as_json: bool) -> None:
    """Serve until SIGTERM or SIGINT; then finish the requests that have begun and return.

    Raises
    ------
    BadInputError
        The address cannot be listened on.
    FairMindError
        The model cannot be loaded; see :meth:`ModelSource.load`.
    """
    listening = listen(host, port)
    address = _address(listening)
    announcements = Announcements(as_json)
    announcements.say("listening", f"Loading {source.address}; {address}/readyz tells how far it is", address=address)
    loading_end = LoadingEnd(announcements, address)
    server = uvicorn.Server(_configuration(source, loading_end))
    loading_end.server = server
    _run(server, listening)
    _raise_failure(loading_end.shelf)


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


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _configuration(source: ModelSource, loading_end: LoadingEnd) -> uvicorn.Config:
    _configure_log()
    return uvicorn.Config(
        Application([source], on_finished=loading_end),
        lifespan="on",
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _configure_log() -> None:
    """Errors go to stderr once: what escapes the application was logged with its number and without values."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    LOGGER.addHandler(handler)
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.addHandler(handler)
    uvicorn_log.setLevel(logging.WARNING)
    uvicorn_log.addFilter(holds_no_traceback)


def holds_no_traceback(record: logging.LogRecord) -> bool:
    """Keep foreign tracebacks out of the log: the text of an error may hold values."""
    return not record.exc_info


def _run(server: uvicorn.Server, listening: socket.socket) -> None:
    """Run with handlers that make a stop signal the ordinary end: uvicorn raises it again when it is done."""
    previous = {number: signal.signal(number, lambda *_: None) for number in STOP_SIGNALS}
    try:
        server.run(sockets=[listening])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        listening.close()


def _raise_failure(shelf: Shelf | None) -> None:
    if shelf is None or shelf.state == "ready":
        return
    for slot in shelf.slots:
        if slot.error is not None:
            raise slot.error
    raise ServiceUnavailableError(UNEXPECTED)
