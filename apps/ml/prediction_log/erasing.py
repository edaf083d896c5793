"""Erasing a person's rows, wherever they are on their way."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, delete, select, update

from apps.ml.errors import BadInputError
from apps.ml.prediction_log.database import writing
from apps.ml.prediction_log.erased import EMPTY, PREDICTION, SUBJECT, empty_row, in_parts, without
from apps.ml.prediction_log.identifiers import call_and_row, prediction_ids
from apps.ml.prediction_log.shadows import SHADOW, times_of
from apps.ml.prediction_log.storing import insert_into
from apps.ml.prediction_log.subjects import subject_digest
from apps.ml.prediction_log.tables import calls, erasures, outcomes, sensitive_values

EMPTIED = ("inputs", "scores", "decisions", "subject", "request", "erased_at")


@dataclass(frozen=True)
class Erased:
    """What was there and is gone; all 0 where nothing was, or where it was erased before."""

    predictions: int = 0
    outcomes: int = 0


def erase_subject(engine: Engine, name: str) -> Erased:
    """Erase every answer about a subject and its labels; what is still in a journal is erased when it arrives.

    The calls keep name, time, version, arm and number of rows, so that counts stay true.
    """
    digest = str(subject_digest(name))
    now = _now()
    with writing(engine, erasing=True) as connection:
        _bury(connection, SUBJECT, digest, 0, now)
        found = connection.execute(
            select(calls.c.call, calls.c.row_count).where(calls.c.subject == digest, calls.c.erased_at.is_(None))
        ).all()
        labels = _remove_beside(connection, [call.call for call in found])
        connection.execute(update(calls).where(calls.c.subject == digest).values(**EMPTY, erased_at=now))
    _leave_no_trace(engine)
    return Erased(sum(call.row_count for call in found), labels)


def erase_prediction(engine: Engine, prediction: str) -> Erased:
    """Erase one answer, what shadows made of it, and its labels; of a call with several rows only that row.

    Raises
    ------
    BadInputError
        The text names no prediction.
    """
    try:
        call, row = call_and_row(prediction)
    except ValueError as error:
        raise BadInputError("That is not the id of a prediction. Give the `id` that came with the answer.") from error
    with writing(engine, erasing=True) as connection:
        _bury(connection, PREDICTION, call.hex(), row, _now())
        emptied = _empty_stored_row(connection, call, row)
        for shadow in _shadows_of(connection, call):
            _empty_stored_row(connection, shadow, row)
        where = (outcomes.c.call == call, outcomes.c.row_index == row)
        labels = connection.execute(delete(outcomes).where(*where)).rowcount
    _leave_no_trace(engine)
    return Erased(int(emptied), labels)


def _bury(connection: Connection, kind: str, name: str, row: int, now: int) -> None:
    new = insert_into(connection, erasures).values(kind=kind, name=name, row_index=row, erased_at=now)
    changes = {"erased_at": new.excluded.erased_at}
    connection.execute(new.on_conflict_do_update(index_elements=["kind", "name", "row_index"], set_=changes))


def _remove_beside(connection: Connection, names: Sequence[bytes]) -> int:
    """Remove sensitive values and labels of calls; return how many labels."""
    labels = 0
    for some in in_parts(names):
        connection.execute(delete(sensitive_values).where(sensitive_values.c.call.in_(some)))
        labels += connection.execute(delete(outcomes).where(outcomes.c.call.in_(some))).rowcount
    return labels


def _shadows_of(connection: Connection, call: bytes) -> list[bytes]:
    first, last = times_of(call)
    name = prediction_ids(call, 1)[0]
    where = (calls.c.call.between(first, last), calls.c.request == name, calls.c.arm.like(f"{SHADOW}%"))
    return list(connection.scalars(select(calls.c.call).where(*where)))


def _empty_stored_row(connection: Connection, call: bytes, row: int) -> bool:
    """Empty one row of a stored call; tell whether there was anything."""
    found = connection.execute(select(calls).where(calls.c.call == call)).mappings().one_or_none()
    if found is None:
        return False
    content = dict(found)
    empty_row(content, row, _now())
    if content == dict(found):
        return False
    connection.execute(update(calls).where(calls.c.call == call).values({name: content[name] for name in EMPTIED}))
    if content["erased_at"] is not None:
        connection.execute(delete(sensitive_values).where(sensitive_values.c.call == call))
    else:
        _empty_sensitive_row(connection, call, row)
    return True


def _empty_sensitive_row(connection: Connection, call: bytes, row: int) -> None:
    table = sensitive_values
    found = connection.execute(select(table).where(table.c.call == call)).all()
    changed = [{"of": value.column_name, "left": without(value.column_values, row)} for value in found]
    if changed:
        where = (table.c.call == call, table.c.column_name == bindparam("of"))
        connection.execute(update(table).where(*where).values(column_values=bindparam("left")), changed)


def _leave_no_trace(engine: Engine) -> None:
    """SQLite overwrites what is erased; its write-ahead log is emptied too, unless somebody reads it right now."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            if raw is not None:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _now() -> int:
    return time.time_ns() // 1000
