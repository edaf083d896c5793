"""The journal: what was appended is read, in its order, whatever happened to the process."""

import gc
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.errors import BadInputError
from apps.ml.prediction_log.entries import OutcomeEntry, decoded
from apps.ml.prediction_log.journal import Journal, LogFullError
from apps.ml.prediction_log.journal_reader import JournalReader, journals
from apps.ml.prediction_log.segment_reader import JournalFormatError, Portion, Position
from apps.ml.prediction_log.segments import HEADER_BYTES, segment_path

SMALL = 4096
EVERYTHING = 10**9
NEVER_LATE = 1e9
FEWEST_APPENDED = 1000
FEWEST_CUTS = 200
CUT_SECONDS = (0.0003, 0.0003, 0.0006, 0.003)
"""Pauses in turn: after the short ones a signal comes into almost every step, the long ones let slow machines go on."""

PATIENCE_SECONDS = 120.0


def note(number: int, size: int = 0) -> OutcomeEntry:
    """An entry of about `size` bytes."""
    return OutcomeEntry("x" * size, number, 0.0, None, None, None)


def numbers(portion: Portion) -> list[int]:
    return [decoded(payload).at for payload in portion.payloads]


def read_all(reader: JournalReader, at_once: int = 1000) -> tuple[list[int], Portion]:
    """Read until nothing comes; return what came and the last portion."""
    found: list[int] = []
    position = Position()
    while True:
        portion = reader.read(position, at_once, EVERYTHING)
        found += numbers(portion)
        if portion.position == position or portion.finished:
            return found, portion
        position = portion.position


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal of small segments."""
    made = Journal(tmp_path / "journal" / "worker", segment_bytes=SMALL)
    yield made
    made.close()


def dead_copy(journal: Journal, folder: Path) -> JournalReader:
    """A reader of the files as they would be had the process died now: nobody holds the lock of a copy."""
    shutil.copytree(journal.folder, folder)
    return JournalReader(folder, journal.name)


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 3 * SMALL), max_size=40), at_once=st.integers(1, 9), closed=st.booleans())
def test_what_is_read_is_what_was_appended_whatever_the_sizes(sizes: list[int], at_once: int, closed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal" / "worker", segment_bytes=SMALL)
        try:
            for number, size in enumerate(sizes):
                journal.append(note(number, size))
            if closed:
                journal.close()
            (reader,) = journals(Path(folder) / "journal")
            found, last = read_all(reader, at_once)
            assert found == list(range(len(sizes)))
            assert last.finished == closed
            assert last.torn == 0
        finally:
            journal.close()


def test_threads_append_at_once_and_nothing_is_lost_or_mixed(journal: Journal) -> None:
    def append(first: int) -> None:
        for number in range(first, first + 500):
            journal.append(note(number, number % 97))

    threads = [threading.Thread(target=append, args=(first,)) for first in (0, 500, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found, _ = read_all(JournalReader(journal.folder, journal.name))
    assert sorted(found) == list(range(1500))
    assert [number for number in found if number < 500] == list(range(500))


def test_an_entry_is_seen_as_soon_as_append_returns_and_the_reader_goes_on_from_its_position(journal: Journal) -> None:
    reader = JournalReader(journal.folder, journal.name)
    position = Position()
    for number in range(300):
        journal.append(note(number, 30))
        portion = reader.read(position, 10, EVERYTHING)
        assert numbers(portion) == [number]
        position = portion.position
    assert position.segment > 1
    assert not reader.read(position, 10, EVERYTHING).finished


def test_waiting_bytes_and_the_oldest_entry_are_those_behind_the_position(journal: Journal) -> None:
    reader = JournalReader(journal.folder, journal.name)
    for number in range(100):
        journal.append(note(7 + number, 100))
    first = reader.read(Position(), 40, EVERYTHING)
    assert reader.oldest_waiting(first.position) == 47
    assert reader.waiting_bytes(Position()) > reader.waiting_bytes(first.position) > 60 * 100
    _, last = read_all(reader)
    assert (reader.waiting_bytes(last.position), reader.oldest_waiting(last.position)) == (0, None)


def test_folders_and_files_are_for_their_owner_alone(journal: Journal) -> None:
    journal.append(note(1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in journal.folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700


def test_the_bound_refuses_entries_and_room_that_comes_back_is_used_without_a_restart(tmp_path: Path) -> None:
    bounds: dict[str, int] = {"journal_bytes": 8 * SMALL, "segment_bytes": SMALL}
    journal = Journal(tmp_path / "journal" / "worker", late_seconds=NEVER_LATE, **bounds)
    reader = JournalReader(journal.folder, journal.name)
    appended = append_until_full(journal)
    assert appended > 40
    with pytest.raises(LogFullError, match=r"reached its bound of 32768 bytes.*Bring the database back"):
        journal.append(note(appended, 500))
    assert "bound" in str(journal.trouble())
    assert not journal.room
    found, last = read_all(reader)
    assert found == list(range(appended))
    reader.remove_before(last.position)
    wait_until(lambda: journal.room)
    journal.append(note(appended, 500))
    assert numbers(reader.read(last.position, 5, EVERYTHING)) == [appended]
    assert journal.trouble() is None
    journal.close()


def test_room_is_not_told_while_somebody_finds_out_that_there_is_none(tmp_path: Path) -> None:
    """The spare that spoke for room may be used up at that moment, and the next one refused."""
    journal = Journal(tmp_path / "journal" / "worker", segment_bytes=SMALL)
    wait_until(lambda: journal._spare is not None)
    asked, making = threading.Event(), journal._making

    class Making:
        """The lock that is held as long as a segment is made; tells that somebody waits for it."""

        def __enter__(self) -> None:
            asked.set()
            making.acquire()

        def __exit__(self, *_: object) -> None:
            making.release()

    with making:
        journal._making = Making()  # type: ignore[assignment]
        journal._no_room = "The disk is full."
        journal._wanted.set()
        wait_until(lambda: asked.is_set() or journal.room)
        assert not journal.room
    wait_until(lambda: journal.room)
    journal.close()


def test_an_entry_larger_than_the_bound_is_refused_and_smaller_ones_are_not(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal" / "worker", journal_bytes=8 * SMALL, segment_bytes=SMALL)
    with pytest.raises(LogFullError, match="bound"):
        journal.append(note(1, 9 * SMALL))
    wait_until(lambda: journal.room)
    journal.append(note(2))
    assert read_all(JournalReader(journal.folder, journal.name))[0] == [2]
    journal.close()


def test_a_closed_journal_takes_nothing_and_is_removed_once_it_was_read(journal: Journal) -> None:
    journal.append(note(1))
    journal.close()
    with pytest.raises(LogFullError, match="closed"):
        journal.append(note(2))
    reader = JournalReader(journal.folder, journal.name)
    assert reader.read(Position(), 5, EVERYTHING).finished
    reader.remove()
    assert not journal.folder.exists()


def test_an_entry_whose_last_byte_is_missing_does_not_exist_and_those_before_it_do(
    journal: Journal, tmp_path: Path
) -> None:
    for number in range(5):
        journal.append(note(number, 40))
    reader = dead_copy(journal, tmp_path / "torn")
    end = reader.waiting_bytes(Position()) + HEADER_BYTES
    with segment_path(reader.folder, reader.name, 1).open("r+b") as file:
        file.seek(end)
        file.write(b"\0\0\0\0\1\2\3\4 half of an entry whose length was not written")
    found, last = read_all(reader)
    assert (found, last.torn, last.finished) == ([0, 1, 2, 3, 4], 1, True)


def test_a_hole_that_a_loss_of_power_left_hides_only_what_was_in_it(journal: Journal, tmp_path: Path) -> None:
    position, places = Position(), []
    reader = JournalReader(journal.folder, journal.name)
    for number in range(9):
        journal.append(note(number, 40))
        places.append(position.offset)
        position = reader.read(position, 1, EVERYTHING).position
    holed = dead_copy(journal, tmp_path / "holed")
    with segment_path(holed.folder, holed.name, 1).open("r+b") as file:
        file.seek(places[2])
        file.write(bytes(places[4] - places[2]))
        file.seek(places[6] + 20)
        file.write(b"?????")
    found, last = read_all(holed)
    assert (found, last.finished) == ([0, 1, 4, 5, 7, 8], True)
    assert last.torn == 1


def test_a_living_journal_is_not_judged_by_its_unwritten_part(journal: Journal) -> None:
    journal.append(note(1))
    reader = JournalReader(journal.folder, journal.name)
    portion = reader.read(Position(), 5, EVERYTHING)
    assert (portion.finished, portion.torn, portion.position.segment) == (False, 0, 1)
    assert reader.is_alive()


def test_a_journal_of_another_format_is_left_alone_with_a_reason(journal: Journal, tmp_path: Path) -> None:
    journal.append(note(1))
    reader = dead_copy(journal, tmp_path / "newer")
    with segment_path(reader.folder, reader.name, 1).open("r+b") as file:
        file.seek(8)
        file.write(b"\x63")
    with pytest.raises(JournalFormatError, match="another format"):
        reader.read(Position(), 5, EVERYTHING)


def test_a_segment_ends_when_it_is_old_so_that_what_was_erased_leaves_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal" / "worker", segment_seconds=0.05)
    journal.append(note(1))
    reader = JournalReader(journal.folder, journal.name)
    wait_until(lambda: reader.read(Position(), 5, EVERYTHING).position == Position(2))
    journal.append(note(2))
    assert read_all(reader)[0] == [1, 2]
    journal.close()


def test_a_folder_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal" / "worker", segment_bytes=SMALL)
    journal.append(note(1))
    with suppress(OSError):  # the journal may be making a segment in it just now
        shutil.rmtree(journal.folder)
    shutil.rmtree(journal.folder, ignore_errors=True)

    def is_found() -> bool:
        try:
            journal.append(note(2))
        except LogFullError:
            return False
        return any(reader.read(Position(), 5, EVERYTHING).payloads for reader in journals(tmp_path / "journal"))

    wait_until(is_found)
    (reader,) = journals(tmp_path / "journal")
    wait_until(reader.is_alive)
    journal.close()


def test_a_folder_that_cannot_be_made_is_refused_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BadInputError, match="FAIRMIND_STATE_DIR"):
        Journal(tmp_path / "file" / "journal" / "worker")


def test_trouble_is_told_where_no_writer_comes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal" / "worker", late_seconds=0.05)
    patient = Journal(tmp_path / "journal" / "patient", late_seconds=NEVER_LATE)
    assert journal.trouble() is None
    for one in (journal, patient):
        one.append(note(1))
    wait_until(lambda: journal.trouble() is not None)
    assert "No writer" in str(journal.trouble())
    assert patient.trouble() is None
    for one in (journal, patient):
        one.close()


class Cut(Exception):  # noqa: N818 (it is no error)
    """Raised by a signal handler, as an interrupt from the keyboard is."""


def test_an_interrupted_append_leaves_no_place_that_is_used_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal" / "worker")
    journal.append(note(0))
    done = append_interrupted(journal)
    journal.close()
    found, _ = read_all(JournalReader(journal.folder, journal.name))
    assert set(done) <= set(found)
    assert found == sorted(set(found))


def append_interrupted(journal: Journal) -> list[int]:
    """Append much while a signal interrupts again and again; return what was appended for certain."""

    def cut(*_: object) -> None:
        raise Cut

    previous = signal.signal(signal.SIGALRM, cut)
    done: list[int] = []
    number, cuts, deadline = 0, 0, time.monotonic() + PATIENCE_SECONDS
    gc.disable()  # what a signal raises while Python calls somebody back about garbage is lost
    try:
        while len(done) < FEWEST_APPENDED or cuts < FEWEST_CUTS:
            assert time.monotonic() < deadline, "too little was appended between the signals"
            try:
                signal.setitimer(signal.ITIMER_REAL, CUT_SECONDS[cuts % len(CUT_SECONDS)])
                while True:
                    number += 1
                    journal.append(note(number))
                    done.append(number)
            except Cut:
                cuts += 1
    finally:
        gc.enable()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return done


def append_until_full(journal: Journal) -> int:
    """Append until there is no room; return how many entries found some."""
    for number in range(10_000):
        try:
            journal.append(note(number, 500))
        except LogFullError:
            return number
    raise AssertionError("the journal has no bound")


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds; fail where it never does."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def test_the_pages_of_a_segment_are_allocated_before_they_are_used(journal: Journal) -> None:
    journal.append(note(1))
    found = segment_path(journal.folder, journal.name, 1).stat()
    assert found.st_blocks * 512 >= found.st_size == SMALL
