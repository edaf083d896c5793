"""Worker processes: started with nothing of the service's surroundings, bounded in time, ended with their request."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from apps.ml.errors import Finding
from apps.ml.evidence_service.audits.job import ANSWERED, FAILED, REFUSED, Job

COMMAND = (sys.executable, "-m", "apps.ml.evidence_service.audits.worker")
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""What a worker keeps of the environment: no key, no address of a database."""

SPARING: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    # Arrow's own allocator reserves a gibibyte of addresses, which are what is bounded.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
PIECE_BYTES = 2**16
BUFFER_BYTES = 2**20
MOST_REFUSAL_BYTES = 2**20


class TooLongError(Exception):
    """A worker had not ended when its time was over; it was killed."""


class KilledError(Exception):
    """A worker was killed by somebody else: the system, for want of memory, or whoever ends the service."""


class WorkerFailedError(Exception):
    """A worker met an error that is not the file's fault. Its text says where, and holds no values."""


@dataclass(frozen=True)
class Refused:
    """What a worker says of a file that it cannot use."""

    code: str
    message: str
    findings: tuple[Finding, ...] = ()


@dataclass
class Children:
    """The workers that run now; may be counted and killed from any thread."""

    _running: set[Process] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._running)

    def processes(self) -> list[int]:
        """Return the numbers of the processes that run now."""
        return [process.pid for process in list(self._running)]

    async def do(self, job: Job) -> bytes | Refused:
        """Let a worker do one job; return its answer, as JSON, or its refusal.

        Cancelling this kills the worker.

        Raises
        ------
        TooLongError
            It took longer than `job.seconds`.
        KilledError
            It was killed, not by this.
        WorkerFailedError
            It failed by its own fault.
        """
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment(), limit=BUFFER_BYTES
        )
        self._running.add(process)
        try:
            async with asyncio.timeout(job.seconds):
                written = await _written(process, job)
                code = await process.wait()
        except TimeoutError:
            raise TooLongError from None
        finally:
            await _end(process)
            self._running.discard(process)
        return _result(code, written)

    def kill(self) -> None:
        """End all workers at once."""
        for process in list(self._running):
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)


async def _written(process: Process, job: Job) -> bytes:
    """Hand the job over and return what the worker writes; its input stays open meanwhile."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a worker has pipes")
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(job.line())
        await process.stdin.drain()
    content = bytearray()
    while piece := await process.stdout.read(PIECE_BYTES):
        content += piece
        if len(content) > max(job.answer_bytes, MOST_REFUSAL_BYTES):
            raise WorkerFailedError("a worker wrote more than it may")
    return bytes(content)


async def _end(process: Process) -> None:
    """Kill a worker that still runs, and take its exit code from the system."""
    with suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await asyncio.shield(process.wait())


def _result(code: int, written: bytes) -> bytes | Refused:
    if code == ANSWERED:
        return written
    if code == REFUSED:
        content = json.loads(written)
        findings = tuple(Finding(**finding) for finding in content["findings"])
        return Refused(content["code"], content["message"], findings)
    if code == FAILED:
        raise WorkerFailedError("{kind}\n{frames}".format(**json.loads(written)))
    if code == -signal.SIGKILL:
        raise KilledError
    if code < 0:
        # The reader's libraries end the process on some damaged files, and where memory ends within them.
        message = "The file ended the process that read it: it is damaged, or takes too much memory. Write it anew."
        return Refused("unreadable_table", message)
    raise WorkerFailedError(f"exit code {code}")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, **SPARING, "PYTHONIOENCODING": "utf-8"}
