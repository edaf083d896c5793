"""The processes of a real server, as the kernel sees them."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from apps.ml.tests.served_process import ServedProcess

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02


def children(process: int) -> dict[int, str]:
    """Return the living processes that a process started, with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(state[1]) == process and state[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
    return found


def keepers_of(server: ServedProcess) -> list[int]:
    """Return the keeper's process, if it runs."""
    return [number for number, command in children(server.process.pid).items() if "server.keeper" in command]


def keeper_of(server: ServedProcess) -> int:
    """Return the keeper's process, which runs."""
    (keeper,) = keepers_of(server)
    return keeper


def workers_of(server: ServedProcess) -> set[int]:
    """Return the worker processes of a server that has several."""
    return {number for number, command in children(server.process.pid).items() if "server.keeper" not in command}


def is_running(process: int) -> bool:
    """Tell whether a process lives; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(is_so: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds; fail where it never does."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail("it did not come to that in time")
        time.sleep(LOOK_SECONDS)


def kill(*processes: int) -> None:
    """Send SIGKILL to processes that are still there."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, 9)


def log_text(server: ServedProcess) -> str:
    """Return what a server has logged."""
    return (server.home / "stderr.log").read_text()
