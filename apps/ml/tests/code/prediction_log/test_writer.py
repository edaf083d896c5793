"""From entries to rows: values as they came, sensitive ones apart, what cannot be stored counted."""

import json
import random
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import msgspec
import pytest
from sqlalchemy import Engine, Table, select, text

from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry, OutcomeEntry, VersionEntry, encoded
from apps.ml.prediction_log.identifiers import new_call
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.positions import OvertakenError
from apps.ml.prediction_log.segments import ENTRY, HEADER_BYTES, MAGIC, segment_path
from apps.ml.prediction_log.tables import calls, outcomes, rejections, sensitive_values, versions
from apps.ml.prediction_log.writer import LogWriter
from apps.ml.prediction_log.writer_status import STATUS_FILE, read_status
from apps.ml.tests.code.prediction_log.conftest import append_all, write_all
from apps.ml.tests.code.prediction_log.made_up_entries import (
    BUNDLE,
    ROW,
    answer_entry,
    outcome_entry,
    version_entry,
)


def stored(engine: Engine, table: Table) -> list[dict[str, object]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def rejected(engine: Engine) -> dict[object, object]:
    return {row["reason"]: row["entries"] for row in stored(engine, rejections)}


def test_a_call_is_one_row_with_plain_values_in_order_and_sensitive_ones_apart(engine: Engine, root: Path) -> None:
    rows = [ROW, {"homeowner": None, "gender": None, "monthly-income": 0.1, "age": 18}]
    entry = answer_entry((0.25, 0.75), rows=rows, subject="s" * 32, request="r-1", arm="challenger")
    write_all(engine, root, version_entry(), entry)
    (call,) = stored(engine, calls)
    assert json.loads(str(call["inputs"])) == [[41, 1234.5, True], [18, 0.1, None]]
    assert (json.loads(str(call["scores"])), json.loads(str(call["decisions"]))) == ([0.25, 0.75], [0, 1])
    named = ("call", "answered_at", "bundle", "arm", "subject", "request", "row_count", "erased_at")
    assert [call[name] for name in named] == [entry.call, entry.at, BUNDLE, "challenger", "s" * 32, "r-1", 2, None]
    (apart,) = stored(engine, sensitive_values)
    assert (apart["call"], apart["column_name"]) == (entry.call, "gender")
    assert json.loads(str(apart["column_values"])) == ["female", None]


def test_digits_and_letters_are_kept_as_they_were_written(engine: Engine, root: Path) -> None:
    columns = [ColumnEntry("x", "numeric", False), ColumnEntry("where?", "categorical", False)]
    version = msgspec.structs.replace(version_entry(), columns=columns)
    body = '{"instances":[{"where?":"Zürich \\u0000 \\"q\\"", "x":1.000000000000000001e-5}], "model": {"a": [1]}}'
    entry = msgspec.structs.replace(answer_entry(), inputs=body.encode())
    write_all(engine, root, version, entry)
    assert stored(engine, calls)[0]["inputs"] == '[[1.000000000000000001e-5,"Zürich \\u0000 \\"q\\""]]'


def test_rows_of_arrays_are_stored_like_records(engine: Engine, root: Path) -> None:
    inputs = b'[[30,null,"male",false],[31,2.5,null,true]]'
    entry = msgspec.structs.replace(answer_entry((0.1, 0.2), decided=False), form="rows", inputs=inputs)
    write_all(engine, root, version_entry(), entry)
    (call,) = stored(engine, calls)
    assert (call["inputs"], call["decisions"]) == ("[[30,null,false],[31,2.5,true]]", None)
    assert stored(engine, sensitive_values)[0]["column_values"] == '["male",null]'


def test_scores_come_back_to_the_last_bit(engine: Engine, root: Path) -> None:
    scores = tuple(struct.unpack("<200d", random.Random(0).randbytes(1600)))  # noqa: S311 (no secret)
    finite = tuple(score for score in scores if score == score)
    write_all(engine, root, version_entry(), answer_entry(finite, decided=False))
    assert tuple(json.loads(str(stored(engine, calls)[0]["scores"]))) == finite


def test_what_cannot_be_stored_is_counted_and_stops_nothing(engine: Engine, root: Path) -> None:
    good, replace = answer_entry(), msgspec.structs.replace
    write_all(
        engine,
        root,
        version_entry(),
        answer_entry(bundle="f" * 64),
        replace(answer_entry(), scores=b"\0" * 16),
        replace(answer_entry(), decisions=b"\0\1"),
        replace(answer_entry(), call=b"short"),
        replace(answer_entry(), inputs=b'{"instances": 7}'),
        replace(answer_entry(), inputs=b'\xff{"instances": []}'),
        replace(answer_entry(), form="rows", inputs=b"[[1]]"),
        OutcomeEntry("not an id", 1, 1.0, None, None, None),
        replace(outcome_entry(new_call()), at=-1),
        replace(outcome_entry(new_call()), label=float("nan")),
        good,
    )
    assert rejected(engine) == {"unknown version": 1, "misfit": 6, "unreadable": 3}
    assert [call["call"] for call in stored(engine, calls)] == [good.call]


def test_an_entry_that_the_database_refuses_is_found_among_many_and_counted(engine: Engine, root: Path) -> None:
    entries = [answer_entry() for _ in range(40)]
    no_moment = msgspec.structs.replace(outcome_entry(entries[0].call), observed=2**64 - 1)
    of_another_journal = answer_entry()
    journal = Journal(root / "another")
    journal.append(version_entry())
    journal.append(of_another_journal)
    journal.close()
    write_all(engine, root, version_entry(), *entries[:30], no_moment, *entries[30:], no_moment)
    stored_calls = {call["call"] for call in stored(engine, calls)}
    assert stored_calls == {of_another_journal.call, *(entry.call for entry in entries)}
    assert rejected(engine) == {"refused by the database": 2}


def test_bytes_that_are_no_entry_are_counted(engine: Engine, root: Path) -> None:
    journal = Journal(root / "worker")
    journal.append(version_entry())
    journal.append(answer_entry())
    journal.close()
    path = segment_path(journal.folder, journal.name, 1)
    content = bytearray(path.read_bytes())
    length, _ = ENTRY.unpack_from(content, HEADER_BYTES)
    payload = b"?" * length
    ENTRY.pack_into(content, HEADER_BYTES, length, crc32(payload))
    content[HEADER_BYTES + 8 : HEADER_BYTES + 8 + length] = payload
    path.write_bytes(bytes(content))
    written = LogWriter(engine, root).write_once()
    assert (written.entries, written.rejected) == (2, 2)
    assert rejected(engine) == {"unreadable": 1, "unknown version": 1}


def test_a_version_is_found_in_the_database_by_a_later_writer(engine: Engine, root: Path) -> None:
    write_all(engine, root, version_entry())
    write_all(engine, root, answer_entry())
    assert len(stored(engine, calls)) == 1


def test_the_registrys_word_about_a_bundle_wins_over_a_folders(engine: Engine, root: Path) -> None:
    folder = version_entry(version=None, address="/models/loans")
    write_all(engine, root, folder, version_entry(), folder)
    (version,) = stored(engine, versions)
    assert (version["version"], version["address"]) == ("3", "models:/loans/3")
    assert version["first_served_at"] == folder.at


def test_the_same_call_twice_is_stored_once(engine: Engine, root: Path) -> None:
    entry = answer_entry()
    write_all(engine, root, version_entry(), entry, entry)
    write_all(engine, root, entry)
    assert len(stored(engine, calls)) == len(stored(engine, sensitive_values)) == 1


def test_a_nul_in_a_callers_text_is_replaced(engine: Engine, root: Path) -> None:
    write_all(engine, root, version_entry(), answer_entry(request="a\0b"))
    assert stored(engine, calls)[0]["request"] == "a�b"


def test_every_report_of_a_label_is_kept_and_the_latest_holds(engine: Engine, root: Path) -> None:
    call = new_call()
    reports = [outcome_entry(call, 0, label, at) for label, at in ((1.0, 20), (0.0, 30), (1.0, 10))]
    again = [outcome_entry(call, 1, 0.5, at=5), outcome_entry(call, 1, 0.75, at=5)]
    write_all(engine, root, *reports, *again)
    assert len(stored(engine, outcomes)) == 5
    with engine.connect() as connection:
        found = connection.execute(text("SELECT row_index, label FROM current_outcomes ORDER BY row_index")).all()
    assert [tuple(row) for row in found] == [(0, 0.0), (1, 0.75)]


def test_batches_are_bounded_and_say_when_more_waits(engine: Engine, root: Path) -> None:
    journal = Journal(root / "worker")
    journal.append(version_entry())
    for _ in range(25):
        journal.append(answer_entry())
    writer = LogWriter(engine, root, batch_entries=10)
    passes = [writer.write_once() for _ in range(4)]
    assert [(one.entries, one.more) for one in passes] == [(10, True), (10, True), (6, False), (0, False)]
    journal.close()


def test_a_journal_that_is_always_full_starves_no_other(engine: Engine, root: Path) -> None:
    journals = [Journal(root / name) for name in ("busy", "quiet")]
    for journal in journals:
        journal.append(version_entry())
    for _ in range(30):
        journals[0].append(answer_entry())
    quiet = answer_entry()
    journals[1].append(quiet)
    writer = LogWriter(engine, root, batch_entries=5)
    for _ in range(3):
        writer.write_once()
    assert quiet.call in {call["call"] for call in stored(engine, calls)}
    for journal in journals:
        journal.close()


def test_journals_of_another_format_are_left_alone_and_told_of(engine: Engine, root: Path) -> None:
    append_all(root, version_entry())
    (path,) = root.glob("*/*.segment")
    path.write_bytes(path.read_bytes().replace(MAGIC, b"NEWERLOG", 1))
    stop = threading.Event()
    stop.set()
    LogWriter(engine, root).run(stop)
    told = read_status(root.parent / STATUS_FILE)
    assert told is not None
    assert (told.error, told.entries) == ("JournalFormatError", 0)
    assert path.exists()


def test_whoever_asks_is_told_of_answers_once_they_are_in_the_database(engine: Engine, root: Path) -> None:
    told: list[tuple[bytes, int]] = []

    def note(answers: Sequence[tuple[AnswerEntry, Sequence[ColumnEntry]]]) -> None:
        there = {call["call"] for call in stored(engine, calls)}
        told.extend((entry.call, len(columns)) for entry, columns in answers if entry.call in there)

    entries = [answer_entry(), answer_entry()]
    append_all(root, version_entry(), *entries, outcome_entry(entries[0].call))
    LogWriter(engine, root, on_answers=note).write_once()
    assert told == [(entry.call, 4) for entry in entries]


def test_two_writers_on_the_same_journals_never_write_an_entry_twice(engine: Engine, root: Path) -> None:
    journal = Journal(root / "worker")
    journal.append(version_entry())
    first, second = LogWriter(engine, root), LogWriter(engine, root)
    first.write_once()
    second.write_once()
    journal.append(outcome_entry(new_call()))
    first.write_once()
    with pytest.raises(OvertakenError, match="Stop one of the two"):
        second.write_once()
    assert second.write_once().entries == 0
    assert len(stored(engine, outcomes)) == 1
    journal.close()


def test_running_writes_until_it_is_told_to_stop_and_then_what_still_waits(address: str, root: Path) -> None:
    opened = open_database(address, create=True)
    journal = Journal(root / "worker")
    journal.append(version_entry())
    stop = threading.Event()
    thread = threading.Thread(target=LogWriter(opened, root, poll_seconds=0.01).run, args=(stop,))
    thread.start()
    entries = [answer_entry() for _ in range(200)]
    for entry in entries:
        journal.append(entry)
    journal.close()
    stop.set()
    thread.join()
    told = read_status(root.parent / STATUS_FILE)
    assert told is not None
    assert (told.entries, told.waiting_bytes, told.error, told.lag_seconds) == (201, 0, None, 0.0)
    assert {call["call"] for call in stored(opened, calls)} == {entry.call for entry in entries}
    opened.dispose()


def test_entries_are_encoded_in_a_form_that_later_versions_must_read() -> None:
    """The journals of a server that was stopped are read by the next version: this form changes only with a number."""
    version = VersionEntry("b", 1, "m", None, "a", None, None, "s", [ColumnEntry("x", "numeric", True)])
    answer = AnswerEntry(b"c", 2, "b", None, "r", None, None, None, "rows", b"[]", b"", None)
    assert encoded(version) == bytes.fromhex("5699a16201a16dc0a161c0c0a1739193a178a76e756d65726963c3")
    assert encoded(answer).startswith(b"A\x9c\xc4\x01c\x02\xa1b\xc0\xa1r")
