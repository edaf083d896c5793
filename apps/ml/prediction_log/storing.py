"""Putting a batch into the tables, in the transaction that the caller opened."""

from typing import Any

from sqlalchemy import Connection, Table, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from apps.ml.prediction_log.batches import Batch, Row
from apps.ml.prediction_log.erased import remove_erased
from apps.ml.prediction_log.layouts import Layout, columns_of
from apps.ml.prediction_log.pace import Pace
from apps.ml.prediction_log.tables import calls, outcomes, rejections, sensitive_values, versions

LATEST_WINS = ("model", "version", "address", "evidence", "scorer", "last_served_at")


def store(connection: Connection, batch: Batch, now: int, pace: Pace) -> None:
    """Insert the rows of a batch but for what was erased before it arrived; a call that is there stays as it is."""
    remove_erased(connection, batch)
    if batch.versions:
        _store_versions(connection, batch.versions)
    for table, rows in ((calls, batch.calls), (sensitive_values, batch.sensitive)):
        for piece in pace.pieces(rows):
            connection.execute(insert_into(connection, table).on_conflict_do_nothing(), piece)
    for piece in pace.pieces(batch.outcomes):
        connection.execute(outcomes.insert(), piece)
    for reason, count in batch.rejected.items():
        count_rejections(connection, reason, count, now)


def count_rejections(connection: Connection, reason: str, count: int, now: int) -> None:
    """Count entries that could not be stored."""
    new = insert_into(connection, rejections).values(reason=reason, entries=count, last_at=now)
    changes = {"entries": rejections.c.entries + new.excluded.entries, "last_at": new.excluded.last_at}
    connection.execute(new.on_conflict_do_update(index_elements=["reason"], set_=changes))


def stored_layout(connection: Connection, bundle: str) -> Layout | None:
    """Return the layout of a version that is in the database; None where it is not."""
    columns = connection.scalar(select(versions.c.columns).where(versions.c.bundle == bundle))
    return None if columns is None else Layout(columns_of(columns))


def insert_into(connection: Connection, table: Table) -> Any:
    """Return an insert that knows what to do about rows that are there already, in the words of the database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _store_versions(connection: Connection, rows: list[Row]) -> None:
    """A bundle that is served again keeps its columns; the registry's word about it wins over a folder's."""
    new = insert_into(connection, versions)
    registered = or_(new.excluded.version.is_not(None), versions.c.version.is_(None))
    changes = {name: new.excluded[name] for name in LATEST_WINS}
    connection.execute(new.on_conflict_do_update(index_elements=["bundle"], set_=changes, where=registered), rows)
