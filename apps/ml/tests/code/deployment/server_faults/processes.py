"""The processes of a real server, as the kernel sees them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from apps.ml.deployment.server.background import COUNTS_FOLDER
from apps.ml.tests.served_process import ServedProcess

PATIENCE_SECONDS = 120.0
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


def is_serving(server: ServedProcess, worker: int) -> bool:
    """Tell whether a worker has begun to serve: until then, its end is the end of the server."""
    return (server.home / "state" / COUNTS_FOLDER / f"{worker}.json").exists()


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


def stop(process: int) -> None:
    """Let a process do nothing more until it is killed or told to go on (SIGCONT): each of its threads has stopped."""
    os.kill(process, signal.SIGSTOP)
    wait_until(lambda: _states_of_threads(process) == {"T"})


@contextmanager
def held_up(process: int) -> Iterator[None]:
    """A process does nothing as long as this lasts."""
    stop(process)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def is_told(process: int, number: signal.Signals) -> bool:
    """Tell whether a signal waits for a process that is held up."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (waiting,) = [line.split()[1] for line in lines if line.startswith("ShdPnd:")]
    return bool(int(waiting, 16) >> (number - 1) & 1)


def kill(*processes: int) -> None:
    """Send SIGKILL to processes that are still there."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, 9)


def _states_of_threads(process: int) -> set[str]:
    found = set()
    for folder in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found.add((folder / "stat").read_text().rsplit(")", 1)[1].split()[0])
    return found


def log_text(server: ServedProcess) -> str:
    """Return what a server has logged."""
    return (server.home / "stderr.log").read_text()
