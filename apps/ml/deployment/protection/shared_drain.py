"""Draining all processes of one server: whoever is told leaves a mark, the others look for it."""

import threading
from pathlib import Path

from apps.ml.deployment.protection.door import Door

LOOK_SECONDS = 0.5


class SharedDrain:
    """Shuts the door of this process soon after any process of the server was told to drain.

    Parameters
    ----------
    mark
        A file that the processes of one run of the server share; it must not be there when they start.
    """

    def __init__(self, door: Door, mark: Path, look_seconds: float = LOOK_SECONDS) -> None:
        self._door = door
        self._mark = mark
        self._look_seconds = look_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="shared-drain", daemon=True)

    def start(self) -> None:
        """Begin to look, in the process that serves."""
        self._thread.start()

    def drain(self) -> None:
        """Drain this process now and the others within `look_seconds`; OSError where the mark cannot be left."""
        self._mark.touch()
        self._door.drain()

    def close(self) -> None:
        """Stop looking."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self._look_seconds):
            if self._mark.exists():
                self._door.drain()
                return
