"""What stands beside decisions, looked up for many at once: the last overrule, appeals, and the last report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.decisions.answers import Overrule, Report, Standing, State, kind_of, text_of, words_of
from apps.backend.decisions.tables import appeal_answers, appeals, overrules, reports

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside one decision; rows are None where there is none."""

    overrule: Row | None = None
    overrules: int = 0
    appeals: int = 0
    open_appeals: int = 0
    report: Row | None = None

    @property
    def state(self) -> State:
        """An open appeal is told first, for somebody has to answer it."""
        if self.open_appeals:
            return "appealed"
        return "overruled" if self.overrules else "made"


NOTHING = Beside()
"""Of a decision that was just made."""


async def beside(connection: AsyncConnection, decisions: Sequence[str]) -> dict[str, Beside]:
    """Return what stands beside each of these decisions, in three queries however many there are."""
    if not decisions:
        return {}
    overruled = await _last(connection, overrules, decisions)
    reported = await _last(connection, reports, decisions)
    appealed = await _appeals(connection, decisions)
    return {
        decision: Beside(
            overrule=overruled.get(decision),
            overrules=overruled[decision]["count"] if decision in overruled else 0,
            appeals=appealed.get(decision, (0, 0))[0],
            open_appeals=appealed.get(decision, (0, 0))[1],
            report=reported.get(decision),
        )
        for decision in decisions
    }


async def _last(connection: AsyncConnection, table: Table, decisions: Sequence[str]) -> dict[str, Row]:
    """Return of each decision its last row, with the number of all as `count`. Names of rows grow with time."""
    last = (
        select(func.max(table.c.id).label("id"), func.count().label("count"))
        .where(table.c.decision_id.in_(decisions))
        .group_by(table.c.decision_id)
        .subquery()
    )
    query = select(table, last.c.count).join(last, last.c.id == table.c.id)
    return {row["decision_id"]: dict(row) for row in (await connection.execute(query)).mappings()}


async def _appeals(connection: AsyncConnection, decisions: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return of each decision how many appeals there are, and how many of them are open."""
    query = (
        select(appeals.c.decision_id, func.count(appeals.c.id), func.count(appeal_answers.c.appeal_id))
        .join(appeal_answers, appeal_answers.c.appeal_id == appeals.c.id, isouter=True)
        .where(appeals.c.decision_id.in_(decisions))
        .group_by(appeals.c.decision_id)
    )
    return {decision: (filed, filed - answered) for decision, filed, answered in await connection.execute(query)}


def standing_of(row: Row, overrule: Row | None) -> Standing:
    """Return what is valid now: the last overrule, else the decision of the model itself."""
    if overrule is None:
        return Standing(
            by="model",
            actor=None,
            name=None,
            at=moments.to_text(row["created_at"]),
            decision=row["decision"],
            outcome=row["outcome"],
            outcome_words=words_of(row, row["decision"]),
            reason=None,
        )
    return Standing(
        by="person",
        actor=overrule["overruled_by"],
        name=overrule["overruled_by_name"],
        at=moments.to_text(overrule["created_at"]),
        decision=overrule["decision"],
        outcome=kind_of(overrule["decision"], row["favourable_decision"]),
        outcome_words=words_of(row, overrule["decision"]),
        reason=overrule["reason"],
    )


def overrule_of(decision: Row, row: Row) -> Overrule:
    """Return one overrule of a decision; only what decides is overruled, so that both of its words are there."""
    return Overrule.model_validate(
        {
            **row,
            "overruled_at": moments.to_text(row["created_at"]),
            "outcome": kind_of(row["decision"], decision["favourable_decision"]),
            "outcome_words": words_of(decision, row["decision"]),
        }
    )


def report_of(row: Row) -> Report:
    """Return one report."""
    told = {
        "reported_at": moments.to_text(row["created_at"]),
        "observed_at": text_of(row["observed_at"]),
        "sent_at": text_of(row["sent_at"]),
    }
    return Report.model_validate({**row, **told})
