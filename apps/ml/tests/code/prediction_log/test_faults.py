"""What is in the database after processes were killed, the database went away and the disk was full: all, and once."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, func, select, text

from apps.ml.prediction_log.database import open_database, sqlite_file
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.journal_reader import journals
from apps.ml.prediction_log.segment_reader import Position
from apps.ml.prediction_log.tables import calls, journal_positions, outcomes, sensitive_values
from apps.ml.prediction_log.writer import LogWriter
from apps.ml.prediction_log.writer_status import STATUS_FILE, WriterStatus, read_status
from apps.ml.tests.code.prediction_log.conftest import append_all
from apps.ml.tests.code.prediction_log.made_up_entries import answer_entry, outcome_entry, version_entry

HERE = "apps.ml.tests.code.prediction_log"
FEWEST_TOLD = 300
WRITER_KILLS = 5
SECONDS = 120.0


@contextmanager
def started(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module as a process of its own, which is killed at the end."""
    command = [sys.executable, "-m", f"{HERE}.{module}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def killed_under_load(root: Path, processes: int = 1) -> set[bytes]:
    """Kill processes in the middle of appending; return the calls whose append had returned."""
    told: set[bytes] = set()
    for number in range(processes):
        with started("appending_process", str(root / f"worker-{number}"), "2") as process:
            output = process.stdout
            assert output is not None
            names = output.read(16 * FEWEST_TOLD)
            process.kill()
            names += output.read()
        told |= {names[start : start + 16] for start in range(0, len(names) - 15, 16)}
    return told


def stored_calls(engine: Engine) -> set[bytes]:
    with engine.connect() as connection:
        return set(connection.scalars(select(calls.c.call)))


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def moved_on(engine: Engine, root: Path, before: int) -> bool:
    return count(engine, calls) > before or not list(root.iterdir())


def test_every_answer_whose_append_returned_is_there_after_kill_9(engine: Engine, root: Path) -> None:
    told = killed_under_load(root, processes=2)
    assert len(told) >= 2 * FEWEST_TOLD
    writer = LogWriter(engine, root)
    while (written := writer.write_once()).entries or written.more:
        assert written.rejected == 0
    stored = stored_calls(engine)
    assert told <= stored
    assert len(stored) - len(told) <= 4, "at most the calls that each thread had not told of yet"
    assert count(engine, sensitive_values) == len(stored)
    assert not list(root.iterdir()), "what dead processes left is removed once it was read"
    assert count(engine, journal_positions) == 0


def test_a_writer_that_is_killed_again_and_again_writes_each_entry_once(
    address: str, engine: Engine, root: Path
) -> None:
    names = [answer_entry() for _ in range(1500)]
    append_all(root, version_entry(), *(one for entry in names for one in (entry, outcome_entry(entry.call))))
    for number in range(WRITER_KILLS):
        before = count(engine, calls)
        with started("writing_process", address, str(root)):
            wait_until(partial(moved_on, engine, root, before))
            time.sleep(0.003 * number)
    assert count(engine, calls) > 0
    with started("writing_process", address, str(root), "--drain") as last:
        assert last.wait(SECONDS) == 0
    assert stored_calls(engine) == {entry.call for entry in names}
    assert count(engine, outcomes) == len(names), "reports have no key of their own: a second copy would count"
    assert not list(root.iterdir())


def test_while_the_database_is_away_the_journal_grows_the_status_tells_and_then_everything_is_written(
    address: str, engine: Engine, root: Path
) -> None:
    journal = Journal(root / "worker", late_seconds=0.5)
    journal.append(version_entry())
    with writing_in_background(address, root):
        wait_until(lambda: status(root).entries == 1)
        with away(engine):
            for _ in range(50):
                journal.append(answer_entry())
            wait_until(lambda: status(root).error is not None and status(root).lag_seconds > 0.6)
            wait_until(lambda: status(root).waiting_bytes > 50 * 200)
            told = status(root).at
            wait_until(lambda: status(root).at > told)
            wait_until(lambda: "wait for the database" in str(journal.trouble()))
            journal.append(answer_entry())
        wait_until(lambda: status(root).waiting_bytes == 0 and status(root).error is None)
        wait_until(lambda: journal.trouble() is None)
        assert count(engine, calls) == 51
    journal.close()


def test_a_full_disk_refuses_entries_and_keeps_those_before_and_after(tmp_path: Path) -> None:
    with started("disk_full_process", str(tmp_path / "journal" / "worker")) as process:
        output, _ = process.communicate(timeout=SECONDS)
    said = json.loads(output)
    assert 0 < said["before"] < 10_000
    assert said["after"] == 300
    assert "File too large" in said["trouble"]
    assert "Free disk space" in said["trouble"]
    assert said["trouble_after"] is None
    (reader,) = journals(tmp_path / "journal")
    assert len(reader.read(Position(), 10**6, 10**9).payloads) == 1 + said["before"] + 300


def test_a_second_writer_waits_until_the_first_has_ended(address: str, engine: Engine, root: Path) -> None:
    with writing_in_background(address, root):
        wait_until(lambda: (root.parent / STATUS_FILE).exists())
        stop = threading.Event()
        second = threading.Thread(target=LogWriter(engine, root).run, args=(stop,))
        second.start()
        journal = Journal(root / "worker")
        journal.append(version_entry())
        wait_until(lambda: status(root).entries == 1)
        journal.append(answer_entry())
        journal.close()
    try:
        wait_until(lambda: count(engine, calls) == 1)
    finally:
        stop.set()
        second.join()
    assert not list(root.iterdir())


@contextmanager
def writing_in_background(address: str, root: Path) -> Iterator[None]:
    """A writer with a connection of its own."""
    stop = threading.Event()
    engine = open_database(address)
    thread = threading.Thread(target=LogWriter(engine, root, poll_seconds=0.02).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        engine.dispose()


@contextmanager
def away(engine: Engine) -> Iterator[None]:
    """The database cannot be reached: its file is moved, or its server is stopped."""
    path = sqlite_file(engine)
    if path is None:
        with stopped_postgres(engine):
            yield
        return
    files = [file for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")) if file.exists()]
    for file in files:
        file.rename(f"{file}.away")
    try:
        yield
        assert not path.exists(), "a file that was moved away is not replaced by an empty one"
    finally:
        for file in reversed(files):  # the database last: whoever finds it finds its write-ahead log too
            Path(f"{file}.away").rename(file)


@contextmanager
def stopped_postgres(engine: Engine) -> Iterator[None]:
    with engine.connect() as connection:
        folder = Path(str(connection.scalar(text("SHOW data_directory"))))
    engine.dispose()
    port = engine.url.port
    os.kill(int((folder / "postmaster.pid").read_text().split()[0]), signal.SIGINT)
    wait_until(lambda: not (folder / "postmaster.pid").exists())
    try:
        with kept_free(port):
            yield
    finally:
        wait_until(lambda: has_started(folder, port))


@contextmanager
def kept_free(port: int | None) -> Iterator[None]:
    """Nobody listens on a port, and no other process gets it as its own meanwhile, where none has it already."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            kept.bind(("127.0.0.1", port or 0))
        yield


def has_started(folder: Path, port: int | None) -> bool:
    """Start the server; it cannot as long as another process has its port as the own end of a connection."""
    user = shutil.which("runuser") if os.geteuid() == 0 else None
    before = [] if user is None else [user, "-u", folder.owner(), "--"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    found = str(shutil.which("pg_ctl"))
    command = [*before, found, "-D", str(folder), "-w", "-t", str(round(SECONDS)), "-l", str(folder.parent / "log")]
    quiet = subprocess.DEVNULL
    return subprocess.run([*command, "-o", options, "start"], stdout=quiet, stderr=quiet, cwd="/").returncode == 0


def status(root: Path) -> WriterStatus:
    found = read_status(root.parent / STATUS_FILE)
    assert found is not None
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until a condition holds, however long a busy machine takes; fail where it never does."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if is_so():
                return
        except AssertionError:
            pass
        if time.monotonic() > deadline:
            pytest.fail("it did not come to that")
        time.sleep(0.01)
