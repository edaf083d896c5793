"""What came of decisions."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from apps.backend.access import Analyst, Viewer
from apps.backend.decisions import reporting
from apps.backend.decisions.answers import Report, Reports, ReportState
from apps.backend.decisions.bodies import MOST_REPORTS, DecisionName, ReportedOutcome, ReportedOutcomeOf
from apps.backend.decisions.decision_routes import PATH
from apps.backend.parts import Parts
from apps.backend.problems import problems
from apps.backend.protection.repeats import IdempotencyKey, once
from apps.backend.storage.pages import Cursor, Limit, Page

MANY = "/api/v1/outcomes"
Many = Annotated[list[ReportedOutcomeOf], Body(min_length=1, max_length=MOST_REPORTS)]


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["decisions"])
    _add_one(routes, parts)
    _add_many(routes, parts)
    return routes


def _add_one(routes: APIRouter, parts: Parts) -> None:
    path = f"{PATH}/{{decision}}/outcomes"

    @routes.post(path, status_code=201, operation_id="report_outcome", responses=problems(400, 404, 409))
    async def report_outcome(
        decision: DecisionName, reported: ReportedOutcome, caller: Analyst, idempotency_key: IdempotencyKey = None
    ) -> Report:
        """Report what came of a decision; the last report holds. It is passed on to the model server at once, or as
        soon as that takes it."""
        return await once(
            parts,
            caller,
            idempotency_key,
            f"POST {PATH}/{decision}/outcomes",
            reported,
            lambda: reporting.report_outcome(parts, caller, decision, reported),
            Report,
        )

    @routes.get(path, operation_id="list_outcomes_of_decision", responses=problems(404))
    async def outcomes_of(
        decision: DecisionName, caller: Viewer, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[Report]:
        """List what was reported about a decision, the newest first."""
        return await reporting.list_reports(parts, caller, limit, cursor, decision=decision)


def _add_many(routes: APIRouter, parts: Parts) -> None:
    @routes.post(MANY, status_code=201, operation_id="report_outcomes", responses=problems(400, 409))
    async def report_outcomes(reported: Many, caller: Analyst, idempotency_key: IdempotencyKey = None) -> Reports:
        """Report what came of many decisions; all are taken or none."""
        body = [one.model_dump(mode="json") for one in reported]
        return await once(
            parts,
            caller,
            idempotency_key,
            f"POST {MANY}",
            body,
            lambda: reporting.report_outcomes(parts, caller, reported),
            Reports,
        )

    @routes.get(MANY, operation_id="list_outcomes", responses=problems())
    async def outcomes(
        caller: Viewer,
        state: Annotated[ReportState | None, Query(description="Pending, sent or refused.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[Report]:
        """List what was reported, the newest first."""
        return await reporting.list_reports(parts, caller, limit, cursor, state=state)
