"""Ending requests whose body takes too long, without a timer for each of them.

A timer per request costs as much as scoring a row. Here a request that waits for its body is only noted, and one
look at all of them, several times within the limit, ends those that are late.
"""

import asyncio
from weakref import WeakKeyDictionary

LOOKS = 8
"""Looks within the limit: a body may take an eighth longer than it."""


class BodyTimer:
    """Bounds waiting in one event loop; to be used in that loop alone."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waiting: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._is_looking = False

    def begin(self) -> "asyncio.Task[object]":
        """Begin to bound the present task; :meth:`end` must follow."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("no task waits here")
        loop = task.get_loop()
        self._waiting[task] = loop.time()
        if not self._is_looking:
            self._is_looking = True
            loop.call_later(self.seconds / LOOKS, self._look, loop)
        return task

    def is_late(self, task: "asyncio.Task[object]") -> bool:
        """Tell whether a cancelled task was cancelled here and by nobody else; it then goes on."""
        return task in self._late and task.uncancel() == 0

    def end(self, task: "asyncio.Task[object]") -> None:
        """Bound the task no longer."""
        self._waiting.pop(task, None)
        self._late.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        latest = loop.time() - self.seconds
        for task in [task for task, since in self._waiting.items() if since < latest]:
            del self._waiting[task]
            self._late.add(task)
            task.cancel()
        self._is_looking = bool(self._waiting)
        if self._is_looking:
            loop.call_later(self.seconds / LOOKS, self._look, loop)


_TIMERS: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, BodyTimer]]" = WeakKeyDictionary()


def body_timer(seconds: float) -> BodyTimer:
    """Return the timer of the running loop for a limit."""
    timers = _TIMERS.setdefault(asyncio.get_running_loop(), {})
    found = timers.get(seconds)
    if found is None:
        found = timers[seconds] = BodyTimer(seconds)
    return found
