"""The thread that tells of the writer: it goes on while the writer waits for a database."""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from apps.ml.prediction_log.journal_reader import JournalReader, journals
from apps.ml.prediction_log.segment_reader import JournalFormatError, Position
from apps.ml.prediction_log.writer_status import WriterStatus, write_status

TELL_SECONDS = 0.5
SYNC_SECONDS = 0.5


class Telling:
    """Keeps the status file fresh, and makes what waits in journals outlive a loss of power."""

    def __init__(self, path: Path, journal_root: Path) -> None:
        self._path = path
        self._root = journal_root
        self._positions: Mapping[str, Position] = {}
        self._last_success: float | None = None
        self._error: str | None = None
        self._entries = self._rejected = self._torn = 0
        self._synced = 0.0

    def succeeded(self, entries: int, rejected: int, torn: int, positions: Mapping[str, Position]) -> None:
        """Take note of a batch that the database took."""
        self._entries += entries
        self._rejected += rejected
        self._torn += torn
        self._positions = dict(positions)
        self._last_success = time.time()
        self._error = None

    def failed(self, error: Exception) -> None:
        """Take note of a failure: by its class, for its text may hold values."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        self._error = type(cause).__name__

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Tell at least every second as long as this lasts."""
        ended = threading.Event()
        thread = threading.Thread(target=self._go_on, args=(ended,), name="writer-telling", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def tell(self) -> None:
        """Write the status once."""
        now = time.time()
        waiting, oldest, found = 0, now, journals(self._root)
        for reader in found:
            position = self._positions.get(reader.name, Position())
            try:
                size = reader.waiting_bytes(position)
                waiting += size
                oldest = min(oldest, _moment(reader, position, now) if size else now)
            except (JournalFormatError, FileNotFoundError):  # the writer names the first; the second was just read
                continue
        if waiting and time.monotonic() - self._synced >= SYNC_SECONDS:
            self._sync(found)
        write_status(self._path, self._status(now, waiting, now - oldest, len(found)))

    def _go_on(self, ended: threading.Event) -> None:
        while True:
            last = ended.is_set()
            try:
                self.tell()
            except OSError as error:  # a full disk; the age of the old status tells of it
                self.failed(error)
            if last:
                return
            ended.wait(TELL_SECONDS)

    def _sync(self, found: list[JournalReader]) -> None:
        self._synced = time.monotonic()
        for reader in found:
            try:
                reader.sync(self._positions.get(reader.name, Position()))
            except FileNotFoundError:  # just read and removed
                continue

    def _status(self, now: float, waiting: int, lag: float, found: int) -> WriterStatus:
        return WriterStatus(
            at=now,
            process=os.getpid(),
            last_success=self._last_success,
            lag_seconds=max(0.0, lag),
            waiting_bytes=waiting,
            journals=found,
            error=self._error,
            entries=self._entries,
            rejected=self._rejected,
            torn=self._torn,
        )


def _moment(reader: JournalReader, position: Position, otherwise: float) -> float:
    oldest = reader.oldest_waiting(position)
    return otherwise if oldest is None else oldest / 1e6
