"""Erasing decisions: application, answer and all that stands beside them; the audit log tells that it was done.

Nothing is left that tells of the person: no application, explanation, appeal, overrule or report, and no answer that
was kept for a repeated request. Entries of the audit log stay; they name decisions and hold no values. What the model
server keeps is erased there, under the names that :class:`Erased` holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.audit_log.appending import append
from apps.backend.decisions.asking import subject_at_the_model_server
from apps.backend.decisions.tables import appeal_answers, appeals, decisions, overrules, reports
from apps.backend.identity.caller import Caller
from apps.backend.problems import not_found
from apps.backend.protection.tables import idempotency_keys

AT_ONCE = 500
"""Names in one query: databases bound how many a query may hold."""


@dataclass(frozen=True)
class Erased:
    """What was erased: how many decisions, and rows beside them. `subject`, `predictions`: their names at the model
    server; of a subject all, of one decision its own."""

    decisions: int
    beside: int
    subject: str | None
    predictions: tuple[str, ...]


async def erase_subject(connection: AsyncConnection, by: Caller, subject: str) -> Erased:
    """Erase every decision about a subject of the caller's organisation; those that are made later are a new matter."""
    found = await _found(connection, by, decisions.c.subject == subject)
    known_as = subject_at_the_model_server(by.organisation, subject)
    erased = await _erase(connection, by, found, known_as)
    if found:
        # Of a subject that nobody was decided about there is nothing to tell; its name is the person's.
        await append(connection, by, "decisions.erased", None, _about(erased))
    return erased


async def erase_decision(connection: AsyncConnection, by: Caller, decision: str) -> Erased:
    """Erase one decision of the caller's organisation.

    Raises
    ------
    ProblemError
        404 there is none.
    """
    found = await _found(connection, by, decisions.c.id == decision)
    if not found:
        raise not_found("decision")
    erased = await _erase(connection, by, found, None)
    await append(connection, by, "decisions.erased", f"decision:{decision}", _about(erased))
    return erased


async def _found(connection: AsyncConnection, by: Caller, condition: ColumnElement[bool]) -> list[tuple[str, str]]:
    """Return names of decisions and of their predictions; nobody adds to them until the transaction ends."""
    query = select(decisions.c.id, decisions.c.prediction_id).where(decisions.c.organisation_id == by.organisation)
    rows = await connection.execute(query.where(condition).order_by(decisions.c.id).with_for_update())
    return [(str(row.id), str(row.prediction_id)) for row in rows]


async def _erase(
    connection: AsyncConnection, by: Caller, found: Sequence[tuple[str, str]], subject: str | None
) -> Erased:
    beside = 0
    for start in range(0, len(found), AT_ONCE):
        names = [name for name, _ in found[start : start + AT_ONCE]]
        for name in names:
            await _forget_answers(connection, by, name)
        appealed = select(appeals.c.id).where(appeals.c.decision_id.in_(names))
        answers = appeal_answers.delete().where(appeal_answers.c.appeal_id.in_(appealed))
        beside += (await connection.execute(answers)).rowcount
        for table in (appeals, overrules, reports):
            beside += await _delete(connection, table, "decision_id", names)
        await _delete(connection, decisions, "id", names)
    return Erased(len(found), beside, subject, tuple(prediction for _, prediction in found))


async def _delete(connection: AsyncConnection, table: Table, column: str, names: Sequence[str]) -> int:
    return (await connection.execute(table.delete().where(table.c[column].in_(names)))).rowcount


async def _forget_answers(connection: AsyncConnection, by: Caller, decision: str) -> None:
    """Remove what was kept to answer a repeated request: the decision itself, and what was done to it."""
    about = or_(idempotency_keys.c.answer.contains(decision), idempotency_keys.c.route.contains(f"/{decision}/"))
    query = idempotency_keys.delete().where(
        idempotency_keys.c.organisation_id == by.organisation, idempotency_keys.c.answer.is_not(None), about
    )
    await connection.execute(query)


def _about(erased: Erased) -> dict[str, int]:
    return {"decisions": erased.decisions, "beside": erased.beside}
