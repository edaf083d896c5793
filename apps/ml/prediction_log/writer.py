"""The writer: moves entries from journals into the database, in batches, each exactly once."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.exc import DBAPIError

from apps.ml.errors import FairMindError
from apps.ml.prediction_log.batches import REFUSED, TORN, Batch, Sorter
from apps.ml.prediction_log.database import is_away, writing
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry
from apps.ml.prediction_log.journal_reader import JournalFormatError, JournalReader, Portion, Position, journals
from apps.ml.prediction_log.schema import upgrade
from apps.ml.prediction_log.segments import FILE_MODE, FOLDER_MODE
from apps.ml.prediction_log.storing import insert_into, store, stored_layout
from apps.ml.prediction_log.tables import journal_positions
from apps.ml.prediction_log.writer_status import STATUS_FILE
from apps.ml.prediction_log.writer_telling import Telling

LOCK_FILE = "writer.lock"
BATCH_ENTRIES = 5_000
BATCH_BYTES = 8 << 20
POLL_SECONDS = 0.1
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0

OnAnswers = Callable[[Sequence[tuple[AnswerEntry, Sequence[ColumnEntry]]]], None]


class OvertakenError(FairMindError):
    """Another writer moved the position of a journal meanwhile; nothing was written twice."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one pass moved. `entries` is 0 where nothing waited; `more`: the pass stopped at its bound."""

    entries: int = 0
    calls: int = 0
    rows: int = 0
    versions: int = 0
    outcomes: int = 0
    rejected: int = 0
    torn: int = 0
    more: bool = False
    unreadable_journals: int = 0


@dataclass(slots=True)
class _Pass:
    """Portions of journals that are stored together."""

    portions: list[tuple[JournalReader, Position, Portion]] = field(default_factory=list)
    unreadable: int = 0
    more: bool = False

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, _, portion in self.portions for payload in portion.payloads]


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
        self._telling = Telling(journal_root.parent / STATUS_FILE, journal_root)

    def write_once(self) -> Written:
        """Move one batch, if anything waits.

        Raises
        ------
        sqlalchemy.exc.DBAPIError
            The database does not take it now; nothing was moved, and the next call begins where this one did.
        """
        try:
            return self._write(self._batch_entries)
        except (DBAPIError, OverflowError) as error:
            self._positions = None
            if isinstance(error, DBAPIError) and is_away(error):
                raise
        except BaseException:
            self._positions = None
            raise
        return self._write_one_by_one()

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
            if written.entries == 0 and stopping:
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

    def _write_one_by_one(self) -> Written:
        """After a batch that the database refused: find the entry that it refuses, and count it as rejected."""
        try:
            return self._write(1)
        except (DBAPIError, OverflowError) as error:
            self._positions = None
            if isinstance(error, DBAPIError) and is_away(error):
                raise
            return self._write(1, refused=True)

    def _write(self, entries: int, refused: bool = False) -> Written:
        found = journals(self._root)
        positions = self._known_positions(found)
        taken = self._read(found, positions, entries)
        if not taken.portions:
            return Written(unreadable_journals=taken.unreadable)
        with writing(self._engine) as connection:
            batch = self._batch(connection, taken, refused)
            now = time.time_ns() // 1000
            store(connection, batch, now)
            for reader, before, portion in taken.portions:
                _move(connection, reader.name, before, portion.position, now)
        self._clear(taken)
        if self._on_answers is not None and batch.answered:
            self._on_answers(batch.answered)
        return _written(taken, batch)

    def _known_positions(self, found: Sequence[JournalReader]) -> dict[str, Position]:
        """Return how far the journals were read; asked of the database at the start and after each failure."""
        if self._positions is None:
            with self._engine.connect() as connection:
                rows = connection.execute(
                    select(journal_positions).where(journal_positions.c.journal.in_([one.name for one in found]))
                ).all()
            self._positions = {row.journal: Position(row.segment, row.byte_offset) for row in rows}
        return self._positions

    def _read(self, found: Sequence[JournalReader], positions: dict[str, Position], entries: int) -> _Pass:
        taken = _Pass()
        size = self._batch_bytes
        for reader in found:
            if entries <= 0 or size <= 0:
                taken.more = True
                break
            before = positions.get(reader.name, Position())
            try:
                portion = reader.read(before, entries, size)
            except JournalFormatError as error:
                taken.unreadable += 1
                self._telling.failed(error)
                continue
            entries -= len(portion.payloads)
            size -= portion.size
            if portion.position != before or portion.finished:
                taken.portions.append((reader, before, portion))
        taken.more = taken.more or entries <= 0 or size <= 0
        return taken

    def _batch(self, connection: Connection, taken: _Pass, refused: bool) -> Batch:
        if refused:
            batch = Batch()
            batch.rejected[REFUSED] = len(taken.payloads)
        else:
            batch = self._sorter.batch(taken.payloads, lambda bundle: stored_layout(connection, bundle))
        torn = sum(portion.torn for _, _, portion in taken.portions)
        if torn:
            batch.rejected[TORN] += torn
        return batch

    def _clear(self, taken: _Pass) -> None:
        """After the transaction: remember the positions, remove what was read to its end."""
        positions = self._positions if self._positions is not None else {}
        for reader, _, portion in taken.portions:
            positions[reader.name] = portion.position
            reader.remove_before(portion.position)
        finished = [reader for reader, _, portion in taken.portions if portion.finished]
        for reader in finished:
            reader.remove()
            positions.pop(reader.name, None)
        if finished:
            names = [reader.name for reader in finished]
            with writing(self._engine) as connection:
                connection.execute(delete(journal_positions).where(journal_positions.c.journal.in_(names)))


def _move(connection: Connection, journal: str, before: Position, after: Position, now: int) -> None:
    """Write the position that was reached, if it is still the one that was read from."""
    values = {"segment": after.segment, "byte_offset": after.offset, "updated_at": now}
    table = journal_positions
    moved = connection.execute(
        update(table)
        .where(table.c.journal == journal, table.c.segment == before.segment, table.c.byte_offset == before.offset)
        .values(**values)
    )
    if moved.rowcount == 1:
        return
    new = insert_into(connection, table).values(journal=journal, **values).on_conflict_do_nothing()
    if before != Position() or connection.scalar(new.returning(table.c.journal)) is None:
        raise OvertakenError("Another writer reads the same journals. Stop one of the two.")


def _written(taken: _Pass, batch: Batch) -> Written:
    return Written(
        entries=len(taken.payloads),
        calls=len(batch.calls),
        rows=sum(call["row_count"] for call in batch.calls),
        versions=len(batch.versions),
        outcomes=len(batch.outcomes),
        rejected=sum(count for reason, count in batch.rejected.items() if reason != TORN),
        torn=batch.rejected[TORN],
        more=taken.more,
        unreadable_journals=taken.unreadable,
    )
