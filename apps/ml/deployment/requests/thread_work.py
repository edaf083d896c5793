"""Work on a request in a thread whose errors keep nothing of the request in memory.

A future that holds an error is part of a cycle: the error's traceback leads to the frame that waited for the future.
Whatever the frames of the thread hold, a document of a hundred megabytes too, would stay until all garbage is looked
for, which a server does seldom. So the thread returns its error, and it is raised where nothing refers to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

Result = TypeVar("Result")


@dataclass(slots=True)
class _Failed:
    error: Exception


async def in_thread(work: Callable[[], Result], limiter: CapacityLimiter | None = None) -> Result:
    """Return what `work` gives, done in a thread; raise what it raises.

    `limiter`: how many such threads there are; None: anyio's default.
    """
    outcome = await to_thread.run_sync(_outcome, work, limiter=limiter)
    if not isinstance(outcome, _Failed):
        return outcome
    try:
        raise outcome.error
    finally:
        del outcome


def _outcome(work: Callable[[], Result]) -> Result | _Failed:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 (raised again by whoever waits)
        return _Failed(error)
