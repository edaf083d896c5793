"""Tombstones: what was erased stays erased, also where its entry was still in a journal.

The erasure of a subject holds for answers that were given before it; who comes back later is a new matter. The erasure
of a prediction holds whenever it was answered. Labels of what is erased are erased with it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, exists, select

from apps.ml.prediction_log.batches import Batch, Row
from apps.ml.prediction_log.shadows import answered_call
from apps.ml.prediction_log.tables import calls, erasures, outcomes

SUBJECT = "subject"
PREDICTION = "prediction"
NAMES_AT_ONCE = 1000
"""Values in one statement; SQLite takes 32,766, PostgreSQL 65,535."""

EMPTY = {"subject": None, "request": None, "inputs": None, "scores": None, "decisions": None}
"""What is left of a call that was erased whole."""

_ENCODER = msgspec.json.Encoder()


def remove_erased(connection: Connection, batch: Batch) -> None:
    """Take out of a batch what was erased before it arrived."""
    if not connection.scalar(select(exists().select_from(erasures))):
        return
    subjects = _erased_subjects(connection, {row["subject"] for row in batch.calls if row["subject"] is not None})
    answered = {row["call"]: answered_call(row["call"], row["arm"], row["request"]) for row in batch.calls}
    rows = _erased_rows(connection, {*answered.values(), *(row["call"] for row in batch.outcomes)})
    for call in batch.calls:
        _empty_erased(call, subjects, rows.get(answered[call["call"]], {}))
    gone = {row["call"] for row in batch.calls if row["erased_at"] is not None}
    for some in in_parts(gone):  # labels can be quicker than the answer
        connection.execute(delete(outcomes).where(outcomes.c.call.in_(some)))
    batch.sensitive = [row for row in batch.sensitive if row["call"] not in gone]
    for value in batch.sensitive:
        for row in rows.get(answered[value["call"]], {}):
            value["column_values"] = without(value["column_values"], row)
    gone |= _erased_calls(connection, {row["call"] for row in batch.outcomes})
    batch.outcomes = [
        outcome
        for outcome in batch.outcomes
        if outcome["call"] not in gone and outcome["row_index"] not in rows.get(outcome["call"], {})
    ]


def _empty_erased(call: Row, subjects: dict[str, int], rows: dict[int, int]) -> None:
    erased_at = subjects.get(call["subject"], -1)
    if call["answered_at"] <= erased_at:
        empty_call(call, erased_at)
    for row, moment in rows.items():
        empty_row(call, row, moment)


def empty_call(call: Row, moment: int) -> None:
    """Leave nothing of a call but that it was."""
    call.update(EMPTY, erased_at=moment)


def empty_row(call: Row, row: int, moment: int) -> None:
    """Leave nothing of one row of a call; where no row is left, nothing of the call."""
    if call["erased_at"] is not None or row >= call["row_count"]:
        return
    for name in ("inputs", "scores", "decisions"):
        if call[name] is not None:
            call[name] = without(call[name], row)
    if not any(value is not None for value in msgspec.json.decode(call["scores"])):
        empty_call(call, moment)


def without(values: str, row: int) -> str:
    """Return a JSON array with null in one place; the others stay as they were written."""
    content = msgspec.json.decode(values, type=list[msgspec.Raw])
    if row < len(content):
        content[row] = msgspec.Raw(b"null")
    return _ENCODER.encode(content).decode()


def _erased_subjects(connection: Connection, names: Collection[str]) -> dict[str, int]:
    return dict(_tombstones(connection, SUBJECT, names, (erasures.c.name, erasures.c.erased_at)))


def _erased_rows(connection: Connection, names: Collection[bytes]) -> dict[bytes, dict[int, int]]:
    found: dict[bytes, dict[int, int]] = {}
    wanted = (erasures.c.name, erasures.c.row_index, erasures.c.erased_at)
    for name, row, moment in _tombstones(connection, PREDICTION, {name.hex() for name in names}, wanted):
        found.setdefault(bytes.fromhex(name), {})[row] = moment
    return found


def _tombstones(connection: Connection, kind: str, names: Collection[str], wanted: Sequence[Any]) -> Iterator[Any]:
    for some in in_parts(names):
        yield from connection.execute(select(*wanted).where(erasures.c.kind == kind, erasures.c.name.in_(some)))


def _erased_calls(connection: Connection, names: Collection[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for some in in_parts(names):
        found.update(connection.scalars(select(calls.c.call).where(calls.c.call.in_(some), calls.c.erased_at > 0)))
    return found


def in_parts(names: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield names in lists that one statement can hold."""
    content = list(names)
    for start in range(0, len(content), NAMES_AT_ONCE):
        yield content[start : start + NAMES_AT_ONCE]
