"""What goes on beside the requests of one process: loading, watching the registry, telling the others its counts."""

import os
import threading
from collections.abc import Callable

from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.observation.shared_counts import SharedCounts
from apps.ml.deployment.protection.shared_drain import SharedDrain
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.deployment.versions.watch import NUDGE_FILE, Watcher

COUNTS_FOLDER = "counts"
DRAIN_FILE = "draining"


class Background:
    """Started and stopped with the application."""

    def __init__(self, shelf: Shelf, options: Options, meter: Meter, on_finished: Callable[[Shelf], None]) -> None:
        state = options.state
        self.counts = SharedCounts(meter, None if state is None else state / COUNTS_FOLDER, f"{os.getpid()}")
        self.watcher = Watcher(shelf, options.refresh_seconds, None if state is None else state / NUDGE_FILE)
        self._shared = None if state is None else SharedDrain(options.door, state / DRAIN_FILE)
        self.drain = options.door.drain if self._shared is None else self._shared.drain
        self._shelf, self._options, self._on_finished = shelf, options, on_finished
        self._is_loaded = False

    def load(self) -> None:
        """Load what is served before anything else begins, and wait for it."""
        finished = threading.Event()
        self._is_loaded = True
        self._shelf.fill_in_background(lambda _: finished.set())
        finished.wait()
        self._on_finished(self._shelf)

    def start(self) -> None:
        """Begin to load (unless that is done), to watch and to tell."""
        if not self._is_loaded:
            self._shelf.fill_in_background(self._on_finished)
        self.watcher.start()
        self.counts.start()
        if self._shared is not None:
            self._shared.start()

    def stop(self) -> None:
        """End the threads; entries of the log are in its journal already."""
        self.watcher.stop()
        self.counts.stop()
        if self._shared is not None:
            self._shared.close()
        self._options.door.close()
        if self._options.tracing is not None:
            self._options.tracing.close()
