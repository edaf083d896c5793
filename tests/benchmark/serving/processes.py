"""Servers as processes of their own: started, waited for, stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.workspace import ROOT

START_SECONDS = 120.0
STOP_SECONDS = 90.0
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
STARTED_FROM = {
    "PYTHONPATH": str(ROOT),
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
}
"""Servers take their code from here and their commands from this environment (MLflow calls uvicorn by its name)."""


class DidNotStartError(RuntimeError):
    """A server ended or stayed silent; the message holds the end of what it printed."""


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], ready: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server from the moment that `ready` answers 200 until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env={**os.environ, **ONE_THREAD, **STARTED_FROM, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, ready, log)
        yield process
    finally:
        _stop(process)


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def processes_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the numbers of a server's processes: itself, what it started, what those started."""
    return [one.number for one in _family(process)]


@dataclass(frozen=True)
class _Running:
    """One process as the kernel lists it; numbers are used again, number and start are not."""

    number: int
    parent: int
    start: int


def _family(process: subprocess.Popen[bytes]) -> list[_Running]:
    listed = [found for entry in Path("/proc").iterdir() if entry.name.isdigit() and (found := _running(entry))]
    family = [one for one in listed if one.number == process.pid]
    for member in family:
        # The list grows while it is walked: children of children follow.
        family += [one for one in listed if one.parent == member.number]
    return family


def _running(entry: Path) -> _Running | None:
    try:
        after_name = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return _Running(int(entry.name), int(after_name[1]), int(after_name[19]))


def _wait_until_ready(process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(ready):
            return
        time.sleep(0.1)
    printed = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise DidNotStartError(f"{log.stem} did not become ready. It printed:\n{printed}")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 (127.0.0.1)
            return True
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and whatever it leaves behind."""
    family = _family(process)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in family:
        still = _running(Path(f"/proc/{one.number}"))
        if still is not None and still.start == one.start:
            os.kill(one.number, signal.SIGKILL)
