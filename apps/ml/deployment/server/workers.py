"""Several worker processes on one socket: forked, watched, ended together."""

import mmap
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from apps.ml.deployment.observation.logs import server_log
from apps.ml.deployment.server.end_signals import on_end_signals
from apps.ml.errors import FairMindError

LOOK_SECONDS = 0.1
PARENT_LOOK_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
QUICK_END_SECONDS = 5.0
"""A worker that ends sooner than this is not started again at once."""

Work = Callable[[int, Callable[[], None]], None]
"""What a worker does, given its number and whom to tell once it serves; it returns or raises at its end."""


@dataclass
class _Place:
    """One of the workers: its process, 0 while there is none, since when, and how long it is not started again."""

    process: int = 0
    since: float = 0.0
    pause: float = 0.0
    is_told: bool = False


class Workers:
    """Forks workers and starts again whoever dies.

    A worker that ends before it served ends all of them: there is nothing to serve. One that was to take the place of a
    worker that had served is tried again, less and less often, as long as others are there.

    Parameters
    ----------
    count, work
        How many, and what each does.
    on_end
        Called once when the workers are about to be told to end.
    """

    def __init__(self, count: int, work: Work, on_end: Callable[[], None] = lambda: None) -> None:
        self._places = [_Place() for _ in range(count)]
        self._have_served = mmap.mmap(-1, count)  # shared with the workers: one byte for each place
        self._work = work
        self._on_end = on_end
        self._ending = False

    def run(self) -> int:
        """Run until told to end; return the exit code: that of the first worker that could not serve, else 0."""
        on_end_signals(self._end)
        for worker in range(len(self._places)):
            self._start(worker)
        failed = 0
        while not self._ending or any(place.process for place in self._places):
            for worker, place in enumerate(self._places):
                code = self._look_after(worker, place)
                failed = failed or code
            if self._ending:
                self._tell_all()
            time.sleep(LOOK_SECONDS)
        return failed

    def _look_after(self, worker: int, place: _Place) -> int:
        """Start a worker again that ended; return its exit code where that would not help, else 0."""
        if not place.process:
            if not self._ending and time.monotonic() >= place.since + place.pause:
                self._start_again(worker, place)
            return 0
        ended, status = os.waitpid(place.process, os.WNOHANG)
        if not ended:
            return 0
        place.process = 0
        return 0 if self._ending else self._replace(worker, place, os.waitstatus_to_exitcode(status))

    def _replace(self, worker: int, place: _Place, code: int) -> int:
        now = time.monotonic()
        was_quick = now - place.since < QUICK_END_SECONDS
        are_others = any(other.process for other in self._places)
        if not self._have_served[worker] or (was_quick and not are_others):
            self._end()
            return abs(code)
        place.pause = min(max(FIRST_PAUSE_SECONDS, 2 * place.pause), LONGEST_PAUSE_SECONDS) if was_quick else 0.0
        place.since = now
        server_log().error("a worker ended and is started again", worker=worker, exit_code=code)
        return 0

    def _start_again(self, worker: int, place: _Place) -> None:
        try:
            self._start(worker)
        except OSError as error:  # no memory or processes left; there may be some next time
            server_log().error("a worker cannot be started", worker=worker, reason=error.strerror)
            place.since, place.pause = time.monotonic(), min(2 * place.pause + LOOK_SECONDS, LONGEST_PAUSE_SECONDS)

    def _start(self, worker: int) -> None:
        parent, place = os.getpid(), self._places[worker]
        process = os.fork()
        if process:
            place.process, place.since = process, time.monotonic()
            return
        code = 1
        try:
            self._begin(parent)
            self._work(worker, lambda: self._have_served.__setitem__(worker, 1))
            code = 0
        except FairMindError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            code = error.exit_code
        except Exception as error:  # noqa: BLE001 (a process ends here; its text may hold values)
            frames = "".join(traceback.format_tb(error.__traceback__))
            server_log().error("a worker failed", worker=worker, kind=type(error).__name__, frames=frames)
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _begin(self, parent: int) -> None:
        """In a worker: end when told, also before there is anything that could end cleanly, and with the parent."""
        on_end_signals(signal.SIG_DFL)
        if self._ending:  # told between the fork and the lines above
            os._exit(0)
        threading.Thread(target=_follow, args=(parent,), name="parent-watch", daemon=True).start()

    def _end(self, *_: object) -> None:
        # The loop tells the workers: one that is being forked right now is not known here yet.
        self._ending = True

    def _tell_all(self) -> None:
        """Tell each worker once: a second SIGINT would cut off what it still answers."""
        if not any(place.is_told for place in self._places):
            self._on_end()
        for place in self._places:
            if place.process and not place.is_told:
                with suppress(ProcessLookupError):
                    os.kill(place.process, signal.SIGTERM)
            place.is_told = True


def _follow(parent: int) -> None:
    """End this worker when its parent is gone: nobody would keep its journal, or free the address for a new start."""
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
