"""Between the writer of the log and the shadows: a bounded queue and a thread, so that scoring holds nothing up."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.traffic.shadow import AnsweredCall, ShadowScorer
from apps.ml.errors import FairMindError
from apps.ml.prediction_log.entries import Entry

MOST_CALLS = 20_000
BATCH_CALLS = 500
STOP_SECONDS = 10.0


class ShadowQueue:
    """Takes answered calls at once and lets shadows score them later; what finds no room is dropped and counted.

    Parameters
    ----------
    append
        Writes an entry down: the journal of this process.
    most_calls
        Calls that may wait.
    """

    def __init__(self, scorer: ShadowScorer, append: Callable[[Entry], None], most_calls: int = MOST_CALLS) -> None:
        self._scorer = scorer
        self._append = append
        self._most = most_calls
        self._waiting: deque[AnsweredCall] = deque()
        self._changed = threading.Condition()
        self._is_stopping = False
        self.dropped = 0
        self.unwritten = 0
        self._thread = threading.Thread(target=self._run, name="shadow-scoring", daemon=True)

    def start(self) -> None:
        """Begin to score."""
        self._thread.start()

    def put(self, answered: Sequence[AnsweredCall]) -> None:
        """Take calls; returns at once."""
        with self._changed:
            room = max(0, self._most - len(self._waiting))
            self._waiting.extend(answered[:room])
            self.dropped += max(0, len(answered) - room)
            self._changed.notify()

    def waiting(self) -> int:
        """Return how many calls wait."""
        return len(self._waiting)

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> bool:
        """Score what waits and end; False where that took longer than `timeout_seconds`."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while batch := self._next_batch():
            for entry in self._scorer.entries_for(batch):
                self._write(entry)

    def _next_batch(self) -> list[AnsweredCall]:
        """Wait for calls; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopping)
            return [self._waiting.popleft() for _ in range(min(BATCH_CALLS, len(self._waiting)))]

    def _write(self, entry: Entry) -> None:
        try:
            self._append(entry)
        except FairMindError as error:
            if not self.unwritten:
                LOGGER.warning("shadow_unwritten", reason=str(error))
            self.unwritten += 1
