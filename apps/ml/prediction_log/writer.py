"""The writer: moves entries from journals into the database, in batches, each exactly once."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from apps.ml.prediction_log.batches import REFUSED, TORN, Batch, Sorter
from apps.ml.prediction_log.database import is_away, writing
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry
from apps.ml.prediction_log.journal_reader import journals
from apps.ml.prediction_log.pace import Pace
from apps.ml.prediction_log.portions import Taken, Written, take
from apps.ml.prediction_log.positions import OvertakenError, forget_positions, move_position, stored_positions
from apps.ml.prediction_log.schema import upgrade
from apps.ml.prediction_log.segment_reader import JournalFormatError, Position
from apps.ml.prediction_log.segments import FILE_MODE, FOLDER_MODE
from apps.ml.prediction_log.storing import store, stored_layout
from apps.ml.prediction_log.writer_status import STATUS_FILE
from apps.ml.prediction_log.writer_telling import Telling

LOCK_FILE = "writer.lock"
BATCH_ENTRIES = 5_000
BATCH_BYTES = 8 << 20
POLL_SECONDS = 0.1
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0

OnAnswers = Callable[[Sequence[tuple[AnswerEntry, Sequence[ColumnEntry]]]], None]


class LogWriter:
    """Reads every journal below `journal_root`, also those of dead processes, and removes what it has read.

    Parameters
    ----------
    engine
        See :func:`~apps.ml.prediction_log.database.open_database`.
    journal_root
        `<state>/journal`; the status is written to `<state>/writer.json`.
    batch_entries, batch_bytes
        About how much one transaction takes at most.
    poll_seconds
        How long entries wait at most for the next batch while the database keeps up.
    on_answers
        Told of the answered calls of each batch once it is in the database; must return at once.
    """

    def __init__(
        self,
        engine: Engine,
        journal_root: Path,
        *,
        batch_entries: int = BATCH_ENTRIES,
        batch_bytes: int = BATCH_BYTES,
        poll_seconds: float = POLL_SECONDS,
        on_answers: OnAnswers | None = None,
    ) -> None:
        self._engine = engine
        self._root = journal_root
        self._batch_entries = batch_entries
        self._batch_bytes = batch_bytes
        self._poll_seconds = poll_seconds
        self._on_answers = on_answers
        self._sorter = Sorter()
        self._positions: dict[str, Position] | None = None
        self._entries = batch_entries
        self._passes = 0
        self._telling = Telling(journal_root.parent / STATUS_FILE, journal_root)

    def write_once(self) -> Written:
        """Move one batch, if anything waits.

        A batch that the database refuses for what is in it is tried again in halves, until the entry is found that
        it refuses; that one is counted as rejected.

        Raises
        ------
        sqlalchemy.exc.DBAPIError
            The database does not take it now; nothing was moved, and the next call begins where this one did.
        OvertakenError
            Another writer moved the same entries; nothing was moved here.
        """
        while True:
            taken = self._take()
            try:
                written = self._put(taken, refused=False)
            except (DBAPIError, OverflowError) as error:
                if isinstance(error, DBAPIError) and is_away(error):
                    raise
                if len(taken.payloads) > 1:
                    self._entries = max(1, len(taken.payloads) // 2)
                    continue
                written = self._put(taken, refused=True)
            self._entries = min(2 * self._entries, self._batch_entries)
            self._passes += 1
            return written

    def run(self, stop: threading.Event) -> None:
        """Write until `stop` is set and nothing waits any more, or the database is away then.

        Where another writer works on the same journals, wait until it ends. The tables are brought up to date first.
        """
        lock = self._only_writer(stop)
        if lock is None:
            return
        try:
            with self._telling.going_on():
                self._run(stop)
        finally:
            os.close(lock)

    def _run(self, stop: threading.Event) -> None:
        wait, upgraded = FIRST_WAIT_SECONDS, False
        while True:
            stopping = stop.is_set()
            try:
                if not upgraded:
                    upgrade(self._engine)
                    upgraded = True
                written = self.write_once()
            except (DBAPIError, OSError, OvertakenError) as error:
                self._telling.failed(error)
                self._engine.dispose()
                if stopping:
                    return
                stop.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
                continue
            wait = FIRST_WAIT_SECONDS
            self._telling.succeeded(written.entries, written.rejected, written.torn, self._positions or {})
            if written.unreadable_journals:
                self._telling.failed(JournalFormatError("journals of another format were left alone"))
            if stopping and not written.more:
                return
            if not written.more:
                stop.wait(self._poll_seconds)

    def _only_writer(self, stop: threading.Event) -> int | None:
        """Return a lock that one process can hold; None where `stop` is set while another has it."""
        self._root.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self._root.parent / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if stop.wait(self._poll_seconds):
                    os.close(descriptor)
                    return None

    def _take(self) -> Taken:
        found = journals(self._root)
        if self._positions is None:  # at the start and after each failure
            self._positions = stored_positions(self._engine, [reader.name for reader in found])
        first = self._passes % max(1, len(found))  # so that a journal that is always full starves no other
        return take((*found[first:], *found[:first]), self._positions, self._entries, self._batch_bytes)

    def _put(self, taken: Taken, refused: bool) -> Written:
        """Store what was taken and the positions behind it in one transaction."""
        if not taken.portions:
            return taken.written(Batch())
        positions, self._positions = self._positions or {}, None
        pace = Pace(hurried=taken.more)
        with writing(self._engine) as connection:
            batch = self._batch(connection, taken, refused, pace)
            now = time.time_ns() // 1000
            store(connection, batch, now, pace)
            for reader, before, portion in taken.portions:
                move_position(connection, reader.name, before, portion.position, now)
        self._clear(taken, positions)
        self._positions = positions
        if self._on_answers is not None and batch.answered:
            self._on_answers(batch.answered)
        return taken.written(batch)

    def _batch(self, connection: Connection, taken: Taken, refused: bool, pace: Pace) -> Batch:
        if refused:
            batch = Batch()
            batch.rejected[REFUSED] = len(taken.payloads)
        else:
            batch = self._sorter.batch(pace.each(taken.payloads), lambda bundle: stored_layout(connection, bundle))
        if taken.torn:
            batch.rejected[TORN] = taken.torn
        return batch

    def _clear(self, taken: Taken, positions: dict[str, Position]) -> None:
        """After the transaction: note the positions, remove what was read to its end."""
        finished = []
        for reader, _, portion in taken.portions:
            positions[reader.name] = portion.position
            reader.remove_before(portion.position)
            if portion.finished:
                reader.remove()
                del positions[reader.name]
                finished.append(reader.name)
        forget_positions(self._engine, finished)
