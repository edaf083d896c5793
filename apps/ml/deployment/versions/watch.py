"""A thread that asks again and again what the sources name now, and at once when somebody says so."""

import os
import random
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.versions.slot_facts import SwapFacts
from apps.ml.errors import BadInputError

REFRESH_VARIABLE = "FAIRMIND_REFRESH_SECONDS"
REFRESH_SECONDS = 5.0
JITTER = 0.2
"""Share by which waits differ, so that many servers that were started together do not ask in step."""

NUDGE_FILE = "reload"
"""File in the folder of a server's state; whoever sets its time anew wakes the watchers of all its processes."""

NUDGE_SECONDS = 0.25
STOP_SECONDS = 10.0


class Refreshed(Protocol):
    """What a watcher keeps up to date: a shelf."""

    def refresh(self, again: bool = False) -> list[SwapFacts]:
        """Serve what the sources name now; `again`: also what was refused."""


class Watcher:
    """Refreshes a shelf every `seconds` (0: only when woken), a fifth more or less.

    Parameters
    ----------
    nudge
        Its time is looked at four times a second; None: other processes cannot wake this watcher.
    on_swaps
        Told of swaps, from the thread of the watcher.
    """

    def __init__(
        self,
        shelf: Refreshed,
        seconds: float,
        nudge: Path | None = None,
        on_swaps: Callable[[list[SwapFacts]], None] = lambda _: None,
    ) -> None:
        self._shelf = shelf
        self._seconds = seconds
        self._nudge = nudge
        self._on_swaps = on_swaps
        self._seen = self._nudge_time()
        self._woken = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="version-watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch; the first refresh comes after one wait."""
        self._thread.start()

    def wake(self) -> None:
        """Refresh soon, here and in the other processes, and try again what was refused; returns at once."""
        self._touch_nudge()
        self._woken.set()

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> bool:
        """End the thread and wait for it; False where it was still loading after `timeout_seconds`."""
        self._is_stopping = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        due = self._next_due()
        while True:
            woken = self._woken.wait(self._wait_seconds(due))
            if self._is_stopping:
                return
            self._woken.clear()
            asked_for = self._was_nudged() or woken
            if asked_for or time.monotonic() >= due:
                self._refresh(asked_for)
                due = self._next_due()

    def _refresh(self, again: bool) -> None:
        try:
            swaps = self._shelf.refresh(again)
            if swaps:
                self._on_swaps(swaps)
        except Exception as error:  # noqa: BLE001 - a watcher that ended would leave the server without new versions
            frames = "".join(traceback.format_tb(error.__traceback__))
            LOGGER.error("refreshing_failed", kind=type(error).__name__, frames=frames)

    def _next_due(self) -> float:
        if not self._seconds:
            return float("inf")
        return time.monotonic() + self._seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret

    def _wait_seconds(self, due: float) -> float | None:
        left = max(0.0, due - time.monotonic())
        if self._nudge is not None:
            return min(left, NUDGE_SECONDS)
        return None if left == float("inf") else left

    def _was_nudged(self) -> bool:
        now = self._nudge_time()
        was = now != self._seen
        self._seen = now
        return was

    def _nudge_time(self) -> int | None:
        try:
            return self._nudge.stat().st_mtime_ns if self._nudge else None
        except OSError:
            return None

    def _touch_nudge(self) -> None:
        if self._nudge is None:
            return
        try:
            self._seen = nudge(self._nudge)
        except OSError as error:
            # The other processes find out at their next poll.
            LOGGER.warning("nudge_failed", file=str(self._nudge), reason=error.strerror or type(error).__name__)


def nudge(path: Path) -> int:
    """Wake the watchers that look at `path`, and return its new time in nanoseconds; OSError where it cannot be set.

    The time is set in nanoseconds by hand: the clock of a file system is coarser, and of two touches one could be lost.
    It is set in one step, a new file's before it has its name: a watcher that saw two times would refresh twice.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    now = time.time_ns()
    try:
        os.utime(path, ns=(now, now))
    except FileNotFoundError:
        new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        new.touch()
        os.utime(new, ns=(now, now))
        new.replace(path)
    return path.stat().st_mtime_ns


def refresh_seconds() -> float:
    """Return FAIRMIND_REFRESH_SECONDS, by default 5; 0 switches polling off.

    Raises
    ------
    BadInputError
        It is not a number of at least 0.
    """
    written = os.environ.get(REFRESH_VARIABLE)
    if not written:
        return REFRESH_SECONDS
    try:
        seconds = float(written)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadInputError(f"{REFRESH_VARIABLE} is no number of seconds. Set it to 0 (off) or more.")
    return seconds
