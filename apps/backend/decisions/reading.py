"""Reading decisions: one with everything, many in pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.decisions.answers import Decision, DecisionSummary, Kind, State, words_of
from apps.backend.decisions.beside import NOTHING, Beside, beside, report_of, standing_of
from apps.backend.decisions.tables import appeal_answers, appeals, decisions, overrules
from apps.backend.identity.caller import Caller
from apps.backend.parts import Parts
from apps.backend.problems import not_found
from apps.backend.storage.pages import Page, rows_of_page

HEAVY = ("application", "explanation")
LIGHT = tuple(column for column in decisions.c if column.name not in HEAVY)
CLOCK_SLACK = moments.MICROSECONDS
"""A row's name is made a moment before its `created_at`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions are wanted; None: all. `outcome`: as the model decided."""

    model: str | None = None
    version: str | None = None
    outcome: Kind | None = None
    subject: str | None = None
    prediction_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    state: State | None = None


async def read_decision(parts: Parts, caller: Caller, name: str) -> Decision:
    """Return one decision of the caller's organisation; 404 where there is none."""
    async with parts.database.reading() as connection:
        row = await decision_row(connection, caller, name)
        return decision_of(row, (await beside(connection, [name]))[name])


async def list_decisions(
    parts: Parts, caller: Caller, wanted: Wanted, limit: int, cursor: str | None
) -> Page[DecisionSummary]:
    """Return a page of the organisation's decisions, in four queries however many there are."""
    query: Select[Any] = select(*LIGHT).where(decisions.c.organisation_id == caller.organisation, *_conditions(wanted))
    async with parts.database.reading() as connection:
        rows, following = await rows_of_page(connection, query, decisions.c.id, limit, cursor)
        found = await beside(connection, [str(row["id"]) for row in rows])
    items = [DecisionSummary.model_validate(_summary(row, found[str(row["id"])])) for row in rows]
    return Page(items=items, next_cursor=following)


async def decision_row(
    connection: AsyncConnection, caller: Caller, name: str, *, lock: bool = False
) -> Mapping[str, Any]:
    """Return the row of one decision of the caller's organisation; 404 where there is none.

    `lock`: whoever adds to the same decision waits until this transaction ends, so that names of rows that are made
    from here on grow in the order of what happens.
    """
    query = select(decisions).where(decisions.c.id == name, decisions.c.organisation_id == caller.organisation)
    query = query.with_for_update() if lock else query
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found("decision")
    return dict(row)


def decision_of(row: Mapping[str, Any], around: Beside = NOTHING) -> Decision:
    """Return a decision as clients get it."""
    return Decision.model_validate(
        {**row["explanation"], **_summary(row, around), "application": row["application"]},
    )


def _summary(row: Mapping[str, Any], around: Beside) -> dict[str, Any]:
    return {
        **row,
        "created_at": moments.to_text(row["created_at"]),
        "outcome_words": words_of(row, row["decision"]),
        "state": around.state,
        "standing": standing_of(row, around.overrule),
        "appeals": around.appeals,
        "open_appeals": around.open_appeals,
        "overrules": around.overrules,
        "reported": None if around.report is None else report_of(around.report),
    }


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    same = {name: getattr(wanted, name) for name in ("model", "version", "outcome", "subject", "prediction_id")}
    conditions: list[ColumnElement[bool]] = [
        decisions.c[name] == value for name, value in same.items() if value is not None
    ]
    if wanted.since is not None:
        moment = moments.from_datetime(wanted.since)
        conditions += [decisions.c.created_at >= moment, decisions.c.id >= _first_id(moment - CLOCK_SLACK)]
    if wanted.until is not None:
        moment = moments.from_datetime(wanted.until)
        conditions += [decisions.c.created_at < moment, decisions.c.id < _first_id(moment + CLOCK_SLACK)]
    if wanted.state is not None:
        conditions.append(_is_in(wanted.state))
    return conditions


def _is_in(state: State) -> ColumnElement[bool]:
    """Say in SQL what `Beside.state` says."""
    answered = exists().where(appeal_answers.c.appeal_id == appeals.c.id)
    is_appealed = exists().where(appeals.c.decision_id == decisions.c.id, ~answered)
    is_overruled = exists().where(overrules.c.decision_id == decisions.c.id)
    if state == "appealed":
        return is_appealed
    return ~is_appealed & (is_overruled if state == "overruled" else ~is_overruled)


def _first_id(moment: int) -> str:
    """Return the least name that a row of this moment can have: the index over names then finds where to begin."""
    milliseconds = min(max(moment // 1000, 0), (1 << 48) - 1)
    text = f"{milliseconds:012x}"
    return f"{text[:8]}-{text[8:]}-0000-0000-000000000000"
