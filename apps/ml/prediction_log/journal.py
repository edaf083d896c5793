"""The journal (see the package): written before an answer is sent, read by the writer."""

import os
import threading
import time
from pathlib import Path
from zlib import crc32

from apps.ml.errors import FairMindError
from apps.ml.prediction_log.entries import Entry, encoded
from apps.ml.prediction_log.identifiers import new_call
from apps.ml.prediction_log.journal_folder import own_folder, require_below_bound, why_no_room
from apps.ml.prediction_log.segments import (
    ALIGNMENT,
    ENTRY_BYTES,
    HEADER_BYTES,
    SPARE_SUFFIX,
    USED_AT,
    Segment,
    entry_end,
    make_segment,
    put_long,
    put_word,
    segment_path,
    touch_pages,
)
from apps.ml.prediction_log.writer_status import STATUS_FILE, read_status, why_late

SEGMENT_BYTES = 16 << 20
JOURNAL_BYTES = 1 << 30
LEAST_SEGMENTS = 4
"""A journal's bound holds at least so many segments: one is filled and one stands ready while others are written."""

RETRY_SECONDS = 0.2
LOOK_SECONDS = 1.0
SEGMENT_SECONDS = 3600.0
"""A segment ends after this time though it is not full, so that what was erased in the database leaves the disk too."""

LATE_SECONDS = 30.0


class LogFullError(FairMindError):
    """There is no room for one more entry: the disk is full, or the journal reached its bound."""


class Journal:
    """What one serving process writes down. Safe to use from several threads; not across a fork.

    An entry is in the page cache of the kernel when :meth:`append` returns: it outlives the process, whatever the
    process dies of. The writer makes it durable against a loss of power within a second.

    Parameters
    ----------
    folder
        A folder of this process, `<state>/journal/<process>`.
    segment_bytes
        Size of a segment; a longer entry gets a segment of its own.
    journal_bytes
        Bound on the bytes of all files in `folder`.
    segment_seconds
        Age at which a segment that holds anything ends.
    late_seconds
        Age of the oldest entry that is not in the database, from which on :meth:`trouble` speaks of it.

    Raises
    ------
    BadInputError
        The folder cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        journal_bytes: int = JOURNAL_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        late_seconds: float = LATE_SECONDS,
    ) -> None:
        self.folder = folder
        self.name = new_call().hex()
        self._segment_bytes = min(segment_bytes, journal_bytes // LEAST_SEGMENTS) & -ALIGNMENT
        self._journal_bytes = journal_bytes
        self._segment_seconds = segment_seconds
        self._late_seconds = late_seconds
        self._status_file = folder.parent.parent / STATUS_FILE
        self._owned = own_folder(folder, self.name)
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._segment: Segment | None = None
        self._position = self._end = 0
        self._number = 0
        self._begun = 0.0
        self._spare: Segment | None = None
        self._retired: list[Segment] = []
        self._no_room: str | None = None
        self._next_try = 0.0
        self._first_entry: float | None = None
        self._closed = False
        self._wanted = threading.Event()
        self._wanted.set()
        self._thread = threading.Thread(target=self._prepare_ahead, name="journal-ahead", daemon=True)
        self._thread.start()

    def append(self, entry: Entry) -> None:
        """Write one entry down; once this returns, it outlives this process.

        Raises
        ------
        LogFullError
            There is no room; nothing was written.
        """
        payload = encoded(entry)
        size = len(payload)
        checksum = crc32(payload)
        with self._lock:
            start = self._position
            end = (start + ENTRY_BYTES + size + ALIGNMENT - 1) & -ALIGNMENT
            if end > self._end:
                start, end = self._turn(size)
            memory = self._segment.memory  # type: ignore[union-attr]
            memory[start + ENTRY_BYTES : start + ENTRY_BYTES + size] = payload
            put_word(memory, start + 4, checksum)
            # First the position, then the length that makes the entry visible: a signal handler that raises between
            # the two can only leave the place of an entry empty, never let the next entry overwrite a visible one.
            self._position = end
            put_word(memory, start, size)
            put_long(memory, USED_AT, end)

    @property
    def room(self) -> bool:
        """Whether the next segment could be made when it was last tried."""
        return self._no_room is None

    def trouble(self) -> str | None:
        """Return why the log is ill: no room, files gone, the writer dead or behind; None where it is well."""
        if self._no_room is not None:
            return self._no_room
        first = self._first_entry
        if first is None or time.monotonic() - first < self._late_seconds:
            return None
        return why_late(read_status(self._status_file), self._late_seconds)

    def close(self) -> None:
        """End the journal; the writer then moves what is left and removes the files."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._seal()
        self._wanted.set()
        self._thread.join()
        self._close_retired()
        if self._spare is not None:
            self._spare.remove()
        os.close(self._owned)

    def _turn(self, size: int) -> tuple[int, int]:
        """Go on to the next segment; return start and end of an entry of `size` bytes in it."""
        if self._closed:
            raise LogFullError("The journal is closed. Send the request to a server that is not stopping.")
        # The full segment ends even where no next one can be made: the writer may then remove it, which makes room.
        self._seal()
        segment = self._next_segment(entry_end(HEADER_BYTES, size))
        self._number += 1
        try:
            segment.begin(segment_path(self.folder, self.name, self._number), self._number)
        except OSError as error:  # somebody removed the files; the next try makes new ones
            segment.close()
            raise LogFullError(why_no_room(error, self._journal_bytes)) from error
        self._segment, self._position, self._end = segment, HEADER_BYTES, segment.size
        self._begun = time.monotonic()
        self._first_entry = self._first_entry or self._begun
        self._wanted.set()
        return HEADER_BYTES, entry_end(HEADER_BYTES, size)

    def _seal(self) -> None:
        if self._segment is not None:
            self._segment.seal(self._position)
            self._retired.append(self._segment)
            self._segment, self._position, self._end = None, 0, 0

    def _next_segment(self, needed: int) -> Segment:
        """Return the spare; where it is not ready or too small, make one here, but not again and again."""
        if self._spare is None and self._no_room is not None and time.monotonic() < self._next_try:
            raise LogFullError(self._no_room)
        with self._making:  # a spare that is being made is worth waiting for
            if self._spare is not None and needed <= self._spare.size:
                spare, self._spare = self._spare, None
                return spare
            return self._made(max(needed, self._segment_bytes), "now")

    def _made(self, size: int, when: str) -> Segment:
        """Make a segment; remember why there is no room where there is none, and forget it where there is."""
        try:
            self._restore_folder()
            require_below_bound(self.folder, size, self._journal_bytes)
            segment = make_segment(self.folder / f"{self.name}-{when}{SPARE_SUFFIX}", size)
        except OSError as error:
            self._next_try = time.monotonic() + RETRY_SECONDS
            self._no_room = why_no_room(error, self._journal_bytes)
            raise LogFullError(self._no_room) from error
        self._no_room = None
        return segment

    def _restore_folder(self) -> None:
        """Where somebody removed the folder, make it again: without the lock a reader would take us for dead."""
        if os.fstat(self._owned).st_nlink == 0:
            os.close(self._owned)
            self._owned = own_folder(self.folder, self.name)

    def _prepare_ahead(self) -> None:
        """Keep one segment ready, so that no append waits for a file; runs in a thread of its own."""
        while not self._closed:
            self._wanted.wait(RETRY_SECONDS if self._spare is None or self._no_room else LOOK_SECONDS)
            self._wanted.clear()
            self._close_retired()
            self._leave_old_files()
            if self._spare is None and not self._closed:
                self._make_spare()
            with self._making:  # or the spare could be used up, and the next one refused, between these two steps
                if self._spare is not None:
                    self._no_room = None

    def _make_spare(self) -> None:
        with self._making:
            try:
                spare = self._made(self._segment_bytes, "next")
            except LogFullError:
                return
            touch_pages(spare)
            self._spare = spare

    def _close_retired(self) -> None:
        while self._retired:
            self._retired.pop().close()

    def _leave_old_files(self) -> None:
        """End a segment that is old, or whose file somebody removed: no reader finds what is appended to that one."""
        with self._lock:
            segment, spare = self._segment, self._spare
            if segment is not None and (self._is_old() or not segment.is_there()):
                self._seal()
            if spare is not None and not spare.is_there():
                self._retired.append(spare)
                self._spare = None

    def _is_old(self) -> bool:
        return time.monotonic() - self._begun > self._segment_seconds
