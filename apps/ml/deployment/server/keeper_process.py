"""The keeper: a process beside the servers that moves journals into the database, and scores shadows."""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from apps.ml.deployment.observation.logs import server_log
from apps.ml.deployment.server.settings import ServingSettings

MODULE = "apps.ml.deployment.server.keeper"
LOOK_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
END_SECONDS = 60.0
"""How long the keeper may take to write what is left; what is still left then waits in the journals."""


class KeeperProcess:
    """Starts the keeper, starts it again when it dies, ends it once it has written everything."""

    def __init__(self, state: Path, arguments: Sequence[str] = ()) -> None:
        self._command = [sys.executable, "-m", MODULE, str(state), *arguments]
        self._ending = threading.Event()
        self._process = self._started()
        self._watch = threading.Thread(target=self._keep_alive, name="keeper-watch", daemon=True)
        self._watch.start()

    @property
    def pid(self) -> int:
        """The process that runs now."""
        return self._process.pid

    def stop(self) -> None:
        """Let the keeper write what the journals hold, and wait for its end."""
        self._ending.set()
        self._watch.join()
        self._process.terminate()
        if self._end() != 0:
            # It was told before it could listen, or died of something else: another one writes what is left.
            self._process = self._started("--drain")
            self._end()

    def _end(self) -> int:
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            server_log().error("the keeper did not end in time; what it had not written waits in the journals")
            self._process.kill()
            self._process.wait()
            return 0

    def _keep_alive(self) -> None:
        pause = LOOK_SECONDS
        while not self._ending.wait(pause):
            code = self._process.poll()
            if code is None:
                pause = LOOK_SECONDS
                continue
            server_log().error("the keeper ended and is started again", exit_code=code)
            try:
                self._process = self._started()
            except OSError as error:  # no memory, processes or files left; there may be some next time
                server_log().error("the keeper cannot be started", reason=error.strerror)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _started(self, *more: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*self._command, *more], stdin=subprocess.DEVNULL, start_new_session=True)


def keeper_arguments(settings: ServingSettings) -> list[str]:
    """Return what the keeper of a server is told: whom it serves, and the plan whose shadows it scores."""
    arguments = ["--parent", str(os.getpid())]
    if settings.traffic is not None:
        arguments += ["--traffic", str(settings.traffic)]
    for name in settings.policy.names:
        arguments += ["--allow", name]
    return arguments
