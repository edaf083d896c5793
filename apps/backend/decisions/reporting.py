"""What came of decisions: kept here first, in one transaction with the audit log; `sending` passes it on."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.decisions.answers import Report, Reports, ReportState
from apps.backend.decisions.beside import report_of
from apps.backend.decisions.bodies import ReportedOutcome, ReportedOutcomeOf
from apps.backend.decisions.reading import decision_row
from apps.backend.decisions.sending import JOB
from apps.backend.decisions.tables import decisions, reports
from apps.backend.identifiers import is_id, new_id
from apps.backend.identity.caller import Caller
from apps.backend.parts import Parts
from apps.backend.problems import Misfit, ProblemError
from apps.backend.protection.repeats import keep
from apps.backend.storage.pages import Page, rows_of_page

MOST_MISFITS = 50


async def report_outcome(parts: Parts, caller: Caller, decision: str, reported: ReportedOutcome) -> Report:
    """Write down what came of one decision and return the report.

    Raises
    ------
    ProblemError
        404 there is no such decision; 422 the label is none that the model's decisions can have.
    """
    async with parts.database.writing() as connection:
        decided = await decision_row(connection, caller, decision, lock=True)
        problem = _wrong_label(decided, reported.label)
        if problem is not None:
            raise _misfit([problem.model_copy(update={"location": "body.label"})])
        row = _row(caller, decided, reported)
        report = report_of(row)
        await connection.execute(reports.insert(), row)
        await keep(connection, report)
        await append(connection, caller, "outcome.reported", f"decision:{decision}", {"outcome": report.id})
    parts.background.wake(JOB)
    return report


async def report_outcomes(parts: Parts, caller: Caller, reported: Sequence[ReportedOutcomeOf]) -> Reports:
    """Write down what came of many decisions, of all or of none, and return the reports in their order.

    Raises
    ------
    ProblemError
        422 a decision is not there or is named twice, or a label does not fit; `errors` lists each.
    """
    async with parts.database.writing() as connection:
        decided = await _decided(connection, caller, reported)
        misfits = _misfits(decided, reported)
        if misfits:
            raise _misfit(misfits)
        rows = [_row(caller, decided[one.decision_id], one) for one in reported]
        made = Reports(outcomes=[report_of(row) for row in rows])
        await connection.execute(reports.insert(), rows)
        await keep(connection, made)
        await append(connection, caller, "outcomes.reported", None, {"count": len(rows)})
    parts.background.wake(JOB)
    return made


async def list_reports(
    parts: Parts,
    caller: Caller,
    limit: int,
    cursor: str | None,
    *,
    decision: str | None = None,
    state: ReportState | None = None,
) -> Page[Report]:
    """Return a page of reports, the newest first: of one decision (404 where there is none), or of all."""
    query: Select[Any] = select(reports).where(reports.c.organisation_id == caller.organisation)
    if state is not None:
        query = query.where(reports.c.state == state)
    async with parts.database.reading() as connection:
        if decision is not None:
            await decision_row(connection, caller, decision)
            query = query.where(reports.c.decision_id == decision)
        rows, following = await rows_of_page(connection, query, reports.c.id, limit, cursor)
    return Page(items=[report_of(row) for row in rows], next_cursor=following)


async def _decided(
    connection: AsyncConnection, caller: Caller, reported: Sequence[ReportedOutcomeOf]
) -> dict[str, Mapping[str, Any]]:
    """Return what is needed of each decision that is there, in one query."""
    names = sorted({one.decision_id for one in reported if is_id(one.decision_id)})
    query = (
        select(decisions.c.id, decisions.c.prediction_id, decisions.c.decision)
        .where(decisions.c.organisation_id == caller.organisation, decisions.c.id.in_(names))
        .order_by(decisions.c.id)
        .with_for_update()
    )
    return {row["id"]: dict(row) for row in (await connection.execute(query)).mappings()}


def _misfits(decided: Mapping[str, Mapping[str, Any]], reported: Sequence[ReportedOutcomeOf]) -> list[Misfit]:
    found: list[Misfit] = []
    seen: set[str] = set()
    for position, one in enumerate(reported):
        problem: Misfit | None
        if one.decision_id not in decided:
            problem = Misfit(location="decision_id", problem="there is no such decision in your organisation")
        elif one.decision_id in seen:
            problem = Misfit(location="decision_id", problem="this decision is reported twice", expected="once")
        else:
            problem = _wrong_label(decided[one.decision_id], one.label)
        seen.add(one.decision_id)
        if problem is not None:
            found.append(problem.model_copy(update={"location": f"body.{position}.{problem.location}"}))
    return found


def _wrong_label(decided: Mapping[str, Any], label: float) -> Misfit | None:
    if decided["decision"] is None or label in (0, 1):
        return None
    return Misfit(location="label", problem="the label is none of a decision", expected="0 or 1")


def _misfit(misfits: Sequence[Misfit]) -> ProblemError:
    detail = f"{len(misfits)} of the outcomes do not fit; none was taken. Mend what `errors` lists."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, misfits[:MOST_MISFITS])


def _row(caller: Caller, decided: Mapping[str, Any], reported: ReportedOutcome) -> dict[str, Any]:
    now = moments.now()
    observed = reported.observed_at
    return {
        "id": new_id(),
        "organisation_id": caller.organisation,
        "created_at": now,
        "decision_id": decided["id"],
        "prediction_id": decided["prediction_id"],
        "reported_by": caller.actor,
        "reported_by_name": caller.name,
        "label": reported.label,
        "observed_at": None if observed is None else moments.from_datetime(observed),
        "source": reported.source,
        "state": "pending",
        "tries": 0,
        "next_try_at": now,
        "sent_at": None,
        "code": None,
    }
