"""How far each journal was read: kept in the database, in the transaction of the entries themselves."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, delete, select, update

from apps.ml.errors import FairMindError
from apps.ml.prediction_log.database import writing
from apps.ml.prediction_log.segment_reader import Position
from apps.ml.prediction_log.storing import insert_into
from apps.ml.prediction_log.tables import journal_positions as table


class OvertakenError(FairMindError):
    """Another writer moved the position of a journal meanwhile; nothing was written twice."""


def stored_positions(engine: Engine, journals: Sequence[str]) -> dict[str, Position]:
    """Return the positions of journals; one that was never read has none."""
    with engine.connect() as connection:
        rows = connection.execute(select(table).where(table.c.journal.in_(journals))).all()
    return {row.journal: Position(row.segment, row.byte_offset) for row in rows}


def move_position(connection: Connection, journal: str, before: Position, after: Position, now: int) -> None:
    """Write the position that was reached, if it is still the one that was read from.

    Raises
    ------
    OvertakenError
        It is not; the transaction must be given up.
    """
    values = {"segment": after.segment, "byte_offset": after.offset, "updated_at": now}
    unmoved = (table.c.journal == journal, table.c.segment == before.segment, table.c.byte_offset == before.offset)
    if connection.execute(update(table).where(*unmoved).values(**values)).rowcount == 1:
        return
    new = insert_into(connection, table).values(journal=journal, **values).on_conflict_do_nothing()
    if before != Position() or connection.scalar(new.returning(table.c.journal)) is None:
        raise OvertakenError("Another writer reads the same journals. Stop one of the two.")


def forget_positions(engine: Engine, journals: Sequence[str]) -> None:
    """Remove the positions of journals that are no more."""
    if journals:
        with writing(engine) as connection:
            connection.execute(delete(table).where(table.c.journal.in_(journals)))
