"""Several worker processes on one socket: forked, watched, ended together."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from apps.ml.deployment.observation.logs import server_log
from apps.ml.errors import FairMindError

LOOK_SECONDS = 0.1
QUICK_END_SECONDS = 5.0
"""A worker that ends sooner than this has nothing to serve; starting it again would not help."""

Work = Callable[[int], None]
"""What a worker does, given its number; it returns or raises at its end."""


class Workers:
    """Forks workers and starts again whoever dies."""

    def __init__(self, count: int, work: Work) -> None:
        self._count = count
        self._work = work
        self._started: dict[int, tuple[int, float]] = {}
        self._ending = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return the exit code: that of the first worker that could not serve, else 0."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        for worker in range(self._count):
            self._start(worker)
        failed = 0
        while self._started:
            for process in list(self._started):
                code = self._look_after(process)
                failed = failed or code
            time.sleep(LOOK_SECONDS)
        return failed

    def _look_after(self, process: int) -> int:
        """Start a worker again that ended; return its exit code where that would not help, else 0."""
        ended, status = os.waitpid(process, os.WNOHANG)
        if not ended:
            return 0
        worker, since = self._started.pop(process)
        if self._ending:
            return 0
        code = os.waitstatus_to_exitcode(status)
        if time.monotonic() - since < QUICK_END_SECONDS:
            self._end()
            return abs(code)
        server_log().error("a worker ended and is started again", worker=worker, exit_code=code)
        self._start(worker)
        return 0

    def _start(self, worker: int) -> None:
        process = os.fork()
        if process:
            self._started[process] = (worker, time.monotonic())
            return
        code = 1
        try:
            self._work(worker)
            code = 0
        except FairMindError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            code = error.exit_code
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _end(self, *_: object) -> None:
        self._ending = True
        for process in list(self._started):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
