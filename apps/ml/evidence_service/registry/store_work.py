"""Work with the tracking store beside the event loop: a few threads, and nobody waits longer than is said.

A thread cannot be ended from outside. So a caller who has waited long enough is refused, while the thread goes on and
keeps its place until it is done: a store that hangs takes the places there are and not one thread more.
"""

import asyncio
import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from anyio import CapacityLimiter

from apps.ml.deployment.requests.thread_work import in_thread
from apps.ml.errors import ServiceUnavailableError
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.store_watch import StoreWatch
from apps.ml.experiments.tracking import TrackingStore

END_SECONDS = 20.0
SHARE_FOR_A_PLACE = 0.5
"""Of the time that a caller waits: spent on waiting for a thread, before he is told that all are taken."""

T = TypeVar("T")


class StoreWork:
    """Does work with the store in at most `threads` threads; a caller waits `seconds`. For one event loop."""

    def __init__(self, store: StoreWatch, threads: int, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._threads = threads
        self._places: asyncio.Semaphore | None = None
        self._limiter: CapacityLimiter | None = None
        self._running: dict[Hashable, asyncio.Task[Any]] = {}
        self.at_work = 0

    async def do(self, work: Callable[[TrackingStore], T], key: Hashable | None = None) -> T:
        """Return what `work` gives.

        Parameters
        ----------
        key
            What the work is, where its answer cannot change: whoever asks for the same while it is done gets the same
            answer. None: what an act changes must be seen by whoever asks after it.

        Raises
        ------
        RefusalError
            503 the store is away, all threads are taken, or the time is over; and what `work` raises.
        """
        named: Hashable = object() if key is None else key
        task = self._running.get(named)
        if task is None:
            task = self._running[named] = asyncio.create_task(self._done(work))
            task.add_done_callback(lambda ended: self._forget(named, ended))
        done, _ = await asyncio.wait({task}, timeout=self._seconds)
        if not done:
            raise refused.too_slow()
        try:
            found: T = task.result()
        except ServiceUnavailableError:
            # Why is in the log of the watch, once per outage; it may name hosts.
            raise refused.store_away() from None
        return found

    async def finish(self) -> None:
        """Wait for what has begun, for a while."""
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=END_SECONDS)

    async def _done(self, work: Callable[[TrackingStore], T]) -> T:
        if self._places is None or self._limiter is None:
            self._places, self._limiter = asyncio.Semaphore(self._threads), CapacityLimiter(self._threads)
        places = self._places
        try:
            async with asyncio.timeout(SHARE_FOR_A_PLACE * self._seconds):
                await places.acquire()
        except TimeoutError:
            raise refused.busy() from None
        self.at_work += 1
        try:
            return await in_thread(lambda: self._store.using(work), self._limiter)
        finally:
            self.at_work -= 1
            places.release()

    def _forget(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # somebody may have stopped waiting; asked for here, it is not reported as unseen


class Turn:
    """Whether an act may still begin: its thread says that it does, or its caller that he waits no longer, not both."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: str | None = None

    def begin(self) -> bool:
        """Take the turn; False where the caller has given up."""
        return self._say("begun")

    def give_up(self) -> bool:
        """Give the turn up; False where the act has begun."""
        return self._say("given up")

    def _say(self, word: str) -> bool:
        with self._lock:
            self._said = self._said or word
            return self._said == word
