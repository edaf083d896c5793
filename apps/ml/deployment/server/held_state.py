"""The folder of a server's state: made, cleared of what the server before left there, and held by one server."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.ml.deployment.server.background import COUNTS_FOLDER, DRAIN_FILE
from apps.ml.errors import BadInputError
from apps.ml.prediction_log.state_folder import STATE_VARIABLE
from apps.ml.prediction_log.writer_status import STATUS_FILE

LOCK_FILE = "server.lock"
FOLDER_MODE = 0o700
FILE_MODE = 0o600


@contextmanager
def held_state(state: Path) -> Iterator[None]:
    """Make the folder ready, and keep other servers out of it as long as this lasts and the workers live.

    Raises
    ------
    BadInputError
        The folder cannot be written, or another server holds it: the two would count and drain for each other.
    """
    descriptor = _locked(state)
    try:
        shutil.rmtree(state / COUNTS_FOLDER, ignore_errors=True)
        for name in (DRAIN_FILE, STATUS_FILE):
            (state / name).unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


def _locked(state: Path) -> int:
    """Return the descriptor of a lock that processes forked from this one hold too, and programs it starts do not."""
    try:
        state.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise BadInputError(
            f"The folder {state} of the server's state cannot be written ({error.strerror}). Make it writable, or set "
            f"{STATE_VARIABLE} to another folder."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BadInputError(
            f"Another server that runs keeps its state in {state}. End it, or set {STATE_VARIABLE} to another folder."
        ) from error
    return descriptor
