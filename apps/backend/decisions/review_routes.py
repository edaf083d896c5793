"""Appeals and overrules."""

from fastapi import APIRouter, Response

from apps.backend.access import Analyst, Approver, Viewer
from apps.backend.decisions import reviewing
from apps.backend.decisions.answers import Appeal, Overrule
from apps.backend.decisions.bodies import AppealAnswered, AppealName, DecisionName, FiledAppeal, MadeOverrule
from apps.backend.decisions.decision_routes import PATH
from apps.backend.parts import Parts
from apps.backend.problems import problems
from apps.backend.protection.repeats import IdempotencyKey, once
from apps.backend.storage.pages import Cursor, Limit, Page


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{PATH}/{{decision}}", tags=["decisions"])
    _add_appeals(routes, parts)
    _add_answers(routes, parts)
    _add_overrules(routes, parts)
    return routes


def _add_appeals(routes: APIRouter, parts: Parts) -> None:
    @routes.post("/appeals", status_code=201, operation_id="file_appeal", responses=problems(400, 404, 409))
    async def file_appeal(
        decision: DecisionName,
        filed: FiledAppeal,
        caller: Analyst,
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> Appeal:
        """File the person's objection to a decision."""
        path = f"{PATH}/{decision}/appeals"
        appeal = await once(
            parts,
            caller,
            idempotency_key,
            f"POST {path}",
            filed,
            lambda: reviewing.file_appeal(parts, caller, decision, filed),
            Appeal,
        )
        response.headers["Location"] = f"{path}/{appeal.id}"
        return appeal

    @routes.get("/appeals", operation_id="list_appeals", responses=problems(404))
    async def appeals(decision: DecisionName, caller: Viewer, limit: Limit = 50, cursor: Cursor = None) -> Page[Appeal]:
        """List the appeals against a decision, the newest first."""
        return await reviewing.list_appeals(parts, caller, decision, limit, cursor)

    @routes.get("/appeals/{appeal}", operation_id="read_appeal", responses=problems(404))
    async def appeal(decision: DecisionName, appeal: AppealName, caller: Viewer) -> Appeal:
        """Return one appeal, with its answer where it has one."""
        return await reviewing.read_appeal(parts, caller, decision, appeal)


def _add_answers(routes: APIRouter, parts: Parts) -> None:
    @routes.post(
        "/appeals/{appeal}/answer", status_code=201, operation_id="answer_appeal", responses=problems(400, 404, 409)
    )
    async def answer_appeal(
        decision: DecisionName,
        appeal: AppealName,
        answered: AppealAnswered,
        caller: Approver,
        idempotency_key: IdempotencyKey = None,
    ) -> Appeal:
        """Answer an appeal that somebody else filed."""
        return await once(
            parts,
            caller,
            idempotency_key,
            f"POST {PATH}/{decision}/appeals/{appeal}/answer",
            answered,
            lambda: reviewing.answer_appeal(parts, caller, decision, appeal, answered),
            Appeal,
        )


def _add_overrules(routes: APIRouter, parts: Parts) -> None:
    @routes.post("/overrules", status_code=201, operation_id="overrule_decision", responses=problems(400, 404, 409))
    async def overrule_decision(
        decision: DecisionName, made: MadeOverrule, caller: Approver, idempotency_key: IdempotencyKey = None
    ) -> Overrule:
        """Decide otherwise, or alike, as a person; the last overrule stands, and the model's decision is kept."""
        return await once(
            parts,
            caller,
            idempotency_key,
            f"POST {PATH}/{decision}/overrules",
            made,
            lambda: reviewing.overrule_decision(parts, caller, decision, made),
            Overrule,
        )

    @routes.get("/overrules", operation_id="list_overrules", responses=problems(404))
    async def overrules(
        decision: DecisionName, caller: Viewer, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[Overrule]:
        """List the overrules of a decision, the one that stands first."""
        return await reviewing.list_overrules(parts, caller, decision, limit, cursor)
