"""Reading the log for audits and monitoring: columns as lists, in batches, with the labels that hold now."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, or_, select, tuple_

from apps.ml.prediction_log.assembling import Labels, Sensitive, assembled
from apps.ml.prediction_log.erased import in_parts
from apps.ml.prediction_log.identifiers import call_and_row, prediction_ids
from apps.ml.prediction_log.layouts import columns_of
from apps.ml.prediction_log.logged import LoggedOutcome, LoggedPrediction, LoggedVersion, Predictions, Wanted
from apps.ml.prediction_log.shadows import SHADOW, answered_call
from apps.ml.prediction_log.tables import calls, current_outcomes, outcomes, sensitive_values, versions

BATCH_ROWS = 5_000
CALLS_AT_ONCE = 1_000


def logged_versions(engine: Engine, wanted: Wanted = Wanted()) -> list[LoggedVersion]:  # noqa: B008 (frozen)
    """Return the versions that are wanted, in the order in which they began to serve."""
    named = (("model", wanted.model), ("version", wanted.version), ("bundle", wanted.bundle))
    where = [versions.c[name] == value for name, value in named if value is not None]
    with engine.connect() as connection:
        rows = connection.execute(
            select(versions).where(*where).order_by(versions.c.first_served_at, versions.c.bundle)
        ).all()
    return [_version(row) for row in rows]


def predictions(
    engine: Engine,
    wanted: Wanted = Wanted(),  # noqa: B008 (frozen)
    *,
    sensitive: bool = False,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Predictions]:
    """Yield answers, version after version, in batches of about `batch_rows`.

    Every batch is read in a transaction of its own, so that reading never stops the writer.

    Parameters
    ----------
    sensitive
        Read the sensitive values too: for audits alone.
    """
    for version in logged_versions(engine, wanted):
        after: tuple[int, bytes] | None = None
        while True:
            with engine.connect() as connection:
                found = _next_calls(connection, version.bundle, wanted, after, batch_rows)
                if not found:
                    break
                apart = _sensitive_of(connection, [call.call for call in found]) if sensitive else None
                labels = _labels_of(connection, [answered_call(call.call, call.arm, call.request) for call in found])
            after = (found[-1].answered_at, found[-1].call)
            yield assembled(version, found, apart, labels)


def prediction(engine: Engine, name: str) -> LoggedPrediction | None:
    """Return one answer with its inputs and labels; None where the log does not hold it.

    Raises
    ------
    ValueError
        The text names no prediction.
    """
    call, row = call_and_row(name)
    joined = select(calls, versions).join(versions, versions.c.bundle == calls.c.bundle)
    reports = select(outcomes).where(outcomes.c.call == call, outcomes.c.row_index == row)
    with engine.connect() as connection:
        found = connection.execute(joined.where(calls.c.call == call)).one_or_none()
        if found is None or row >= found.row_count:
            return None
        apart = _sensitive_of(connection, [call])
        labels = connection.execute(reports.order_by(outcomes.c.reported_at, outcomes.c.id)).all()
    version = _version(found)
    batch = assembled(version, [found], apart, {}, only=row)
    return LoggedPrediction(
        id=prediction_ids(call, row + 1)[row],
        version=version,
        answered_at=found.answered_at,
        arm=found.arm,
        route=found.route,
        key=found.key_name,
        request=found.request,
        inputs={column: values[0] for column, values in batch.inputs.items()} if batch.ids else {},
        score=batch.scores[0] if batch.ids else None,
        decision=batch.decisions[0] if batch.ids else None,
        outcomes=tuple(
            LoggedOutcome(one.label, one.reported_at, one.observed_at, one.source, one.key_name) for one in labels
        ),
    )


def microseconds(moment: datetime) -> int:
    """Return a moment as the log keeps it; one without a time zone is local time."""
    return round(moment.timestamp() * 1_000_000)


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what a call must fulfil to be wanted, but for its version."""
    where = [calls.c[name] == value for name, value in (("arm", wanted.arm), ("route", wanted.route)) if value]
    if wanted.since is not None:
        where.append(calls.c.answered_at >= microseconds(wanted.since))
    if wanted.until is not None:
        where.append(calls.c.answered_at < microseconds(wanted.until))
    if wanted.arm is None and not wanted.shadows:
        where.append(or_(calls.c.arm.is_(None), calls.c.arm.not_like(f"{SHADOW}%")))
    return where


def _version(row: Row[Any]) -> LoggedVersion:
    columns = tuple(columns_of(row.columns))
    return LoggedVersion(
        row.bundle, row.model, row.version, row.address, row.evidence, row.threshold, row.scorer, columns
    )


def _next_calls(
    connection: Connection, bundle: str, wanted: Wanted, after: tuple[int, bytes] | None, rows: int
) -> Sequence[Row[Any]]:
    """Return the calls behind `after`, as many as hold about `rows` rows, one at least."""
    where = and_(calls.c.bundle == bundle, calls.c.erased_at.is_(None), *conditions(wanted))
    order = (calls.c.answered_at, calls.c.call)
    if after is not None:
        where = and_(where, tuple_(*order) > after)
    sizes = connection.execute(
        select(*order, calls.c.row_count).where(where).order_by(*order).limit(CALLS_AT_ONCE)
    ).all()
    names, total = [], 0
    for call in sizes:
        names.append(call.call)
        total += call.row_count
        if total >= rows:
            break
    return connection.execute(select(calls).where(calls.c.call.in_(names)).order_by(*order)).all()


def _sensitive_of(connection: Connection, names: Sequence[bytes]) -> Sensitive:
    found: dict[bytes, dict[str, list[Any]]] = {}
    for some in in_parts(names):
        for row in connection.execute(select(sensitive_values).where(sensitive_values.c.call.in_(some))):
            found.setdefault(row.call, {})[row.column_name] = msgspec.json.decode(row.column_values)
    return found


def _labels_of(connection: Connection, names: Sequence[bytes]) -> Labels:
    found: dict[tuple[bytes, int], Any] = {}
    for some in in_parts(names):
        reports = connection.execute(select(current_outcomes).where(current_outcomes.c.call.in_(some)))
        found.update({(row.call, row.row_index): row for row in reports})
    return found
