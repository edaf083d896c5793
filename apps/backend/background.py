"""Work beside the requests: jobs that run again and again while the backend serves."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from apps.backend.observation import metrics
from apps.backend.observation.logs import frames_of

LOG = structlog.get_logger("backend")


@dataclass(frozen=True)
class Job:
    """What is done every few seconds; a failure is logged by its kind, and the next time comes all the same."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[None]]


class Background:
    """Runs jobs in the event loop that starts it."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._wake: dict[str, asyncio.Event] = {}

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Add a job, before :meth:`start`."""
        self.jobs.append(Job(name, seconds, work))
        self._wake[name] = asyncio.Event()

    def wake(self, name: str) -> None:
        """Let a job run now instead of at its next time."""
        self._wake[name].set()

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._run(job), name=job.name) for job in self.jobs]

    async def stop(self) -> None:
        """End every job where it stands."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, job: Job) -> None:
        wake = self._wake[job.name]
        while True:
            wake.clear()
            await _done(job)
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), job.seconds)


async def _done(job: Job) -> None:
    began = time.perf_counter()
    succeeded = False
    try:
        await job.work()
        succeeded = True
    except Exception as error:  # noqa: BLE001 (the next time may go well; kind and place are logged)
        LOG.error("job failed", job=job.name, kind=type(error).__name__, frames=frames_of(error))
    metrics.job(job.name, succeeded, time.perf_counter() - began)
