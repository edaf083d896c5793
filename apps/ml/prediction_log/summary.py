"""The log in numbers: what was answered by whom, what is known of it, how far the writer is."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, case, exists, func, select

from apps.ml.prediction_log.logged import Wanted
from apps.ml.prediction_log.reading import conditions
from apps.ml.prediction_log.tables import calls, current_outcomes, erasures, outcomes, rejections, versions


@dataclass(frozen=True)
class Served:
    """Answers of one version by arm and route. `labelled`: predictions with a label; moments are microseconds since
    1970; `erased_calls`: calls that were erased whole."""

    model: str
    version: str | None
    bundle: str
    scorer: str
    arm: str | None
    route: str
    calls: int
    predictions: int
    labelled: int
    erased_calls: int
    first_at: int
    last_at: int


@dataclass(frozen=True)
class Summary:
    """`reports`: every report of a label of the wanted answers; `labelled`: how many of these have one. `unmatched`:
    predictions among `labelled` that the log does not hold; None where only some answers are wanted, for nobody knows
    whose such a prediction is, and none is counted. `rejected`: entries that could not be stored, by reason;
    `erasures`: tombstones by kind; both of the whole log."""

    served: tuple[Served, ...]
    reports: int
    labelled: int
    unmatched: int | None
    rejected: dict[str, int]
    erasures: dict[str, int]


def summary(engine: Engine, wanted: Wanted) -> Summary:
    """Count the log."""
    with engine.connect() as connection:
        served = _served(connection, wanted)
        everything = Wanted(shadows=wanted.shadows) == wanted
        return Summary(
            served=served,
            reports=_count(connection, _all(outcomes) if everything else _reports_of(wanted)),
            labelled=_count(connection, _all(current_outcomes)) if everything else sum(one.labelled for one in served),
            unmatched=_count(connection, _unmatched()) if everything else None,
            rejected=_counts(connection, select(rejections.c.reason, rejections.c.entries)),
            erasures=_counts(connection, select(erasures.c.kind, func.count()).group_by(erasures.c.kind)),
        )


def _all(table: Table) -> Any:
    return select(func.count()).select_from(table)


def _reports_of(wanted: Wanted) -> Any:
    """Count the reports of labels of the wanted answers."""
    matched = and_(outcomes.c.call == calls.c.call, outcomes.c.row_index < calls.c.row_count)
    answered = calls.join(versions, versions.c.bundle == calls.c.bundle).join(outcomes, matched)
    return select(func.count()).select_from(answered).where(*conditions(wanted), *_of_version(wanted))


def _served(connection: Connection, wanted: Wanted) -> tuple[Served, ...]:
    where = [*conditions(wanted), *_of_version(wanted)]
    groups = (calls.c.bundle, calls.c.arm, calls.c.route)
    counted = connection.execute(
        select(
            *groups,
            versions.c.model,
            versions.c.version,
            versions.c.scorer,
            func.count().label("calls"),
            func.sum(calls.c.row_count).label("predictions"),
            func.sum(case((calls.c.erased_at.is_not(None), 1), else_=0)).label("erased"),
            func.min(calls.c.answered_at).label("first_at"),
            func.max(calls.c.answered_at).label("last_at"),
        )
        .join(versions, versions.c.bundle == calls.c.bundle)
        .where(*where)
        .group_by(*groups, versions.c.model, versions.c.version, versions.c.scorer)
        .order_by(func.min(calls.c.answered_at))
    ).all()
    labelled = _labelled(connection, groups, where)
    return tuple(
        Served(
            model=row.model,
            version=row.version,
            bundle=row.bundle,
            scorer=row.scorer,
            arm=row.arm,
            route=row.route,
            calls=row.calls,
            predictions=int(row.predictions),
            labelled=labelled.get((row.bundle, row.arm, row.route), 0),
            erased_calls=int(row.erased),
            first_at=row.first_at,
            last_at=row.last_at,
        )
        for row in counted
    )


def _labelled(connection: Connection, groups: tuple[Any, ...], where: list[ColumnElement[bool]]) -> dict[Any, int]:
    matched = and_(current_outcomes.c.call == calls.c.call, current_outcomes.c.row_index < calls.c.row_count)
    rows = connection.execute(
        select(*groups, func.count().label("labelled"))
        .join(versions, versions.c.bundle == calls.c.bundle)
        .join(current_outcomes, matched)
        .where(*where)
        .group_by(*groups)
    )
    return {(row.bundle, row.arm, row.route): row.labelled for row in rows}


def _of_version(wanted: Wanted) -> list[ColumnElement[bool]]:
    named = (("model", wanted.model), ("version", wanted.version), ("bundle", wanted.bundle))
    return [versions.c[name] == value for name, value in named if value is not None]


def _unmatched() -> Any:
    there = exists().where(calls.c.call == current_outcomes.c.call, calls.c.row_count > current_outcomes.c.row_index)
    return select(func.count()).select_from(current_outcomes).where(~there)


def _count(connection: Connection, query: Any) -> int:
    return int(connection.scalar(query) or 0)


def _counts(connection: Connection, query: Any) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in connection.execute(query)}
