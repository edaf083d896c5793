"""Routes of promotions: asking, approving, refusing, withdrawing, reading."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from apps.backend.access import Analyst, Approver, Viewer
from apps.backend.models import promotions
from apps.backend.models.addresses import ModelName
from apps.backend.models.bodies import Opinion, Promotion, State, Wish
from apps.backend.models.execution import Execution
from apps.backend.parts import Parts
from apps.backend.problems import ProblemError, problems
from apps.backend.protection.repeats import IdempotencyKey, once
from apps.backend.storage.pages import USUAL_ROWS, Cursor, Limit, Page
from apps.backend.upstreams.registry import Registry

PREFIX = "/api/v1/promotions"
PromotionId = Annotated[str, Path(pattern="^[0-9a-f-]{36}$", description="The promotion's id.")]
OfModel = Annotated[ModelName | None, Query(description="Of this model alone.")]
InState = Annotated[State | None, Query(description="In this state alone.")]


def promotion_routes(parts: Parts, registry: Registry, execution: Execution) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix=PREFIX, tags=["promotions"])
    database = parts.database

    @router.post("", operation_id="request_promotion", status_code=201, responses=problems(404, 409))
    async def request_promotion(caller: Analyst, wish: Wish, request_key: IdempotencyKey = None) -> Promotion:
        """Ask for a version to become champion, or for the champion before to come back."""

        async def work() -> Promotion:
            return await promotions.request(database, registry, caller, wish)

        return await once(parts, caller, request_key, f"POST {PREFIX}", wish, work, Promotion)

    @router.get("", operation_id="list_promotions", responses=problems())
    async def list_promotions(
        caller: Viewer, limit: Limit = USUAL_ROWS, cursor: Cursor = None, model: OfModel = None, state: InState = None
    ) -> Page[Promotion]:
        """The organisation's promotions and roll backs, the newest first."""
        filters = {"model": model, "state": state}
        return await promotions.page(database, caller.organisation, filters, limit, cursor)

    @router.get("/{promotion}", operation_id="read_promotion", responses=problems(404))
    async def read_promotion(caller: Viewer, promotion: PromotionId) -> Promotion:
        """One of them."""
        return await promotions.one(database, caller.organisation, promotion)

    @router.post("/{promotion}/approval", operation_id="approve_promotion", responses=problems(404, 409))
    async def approve_promotion(caller: Approver, promotion: PromotionId, opinion: Opinion) -> Promotion:
        """Approve what another one asked for, and do it; `approved` in the answer: it is done as soon as it can be."""
        await promotions.decide(database, caller, promotion, "approved", opinion.words)
        await execution.carry_out(caller.organisation, promotion)
        ended = await promotions.one(database, caller.organisation, promotion)
        if ended.state == "stale":
            reason = ended.result.reason if ended.result and ended.result.reason else "Ask for it again."
            raise ProblemError(HTTPStatus.CONFLICT, "stale", reason)
        return ended

    @router.post("/{promotion}/refusal", operation_id="refuse_promotion", responses=problems(404, 409))
    async def refuse_promotion(caller: Approver, promotion: PromotionId, opinion: Opinion) -> Promotion:
        """Refuse what another one asked for."""
        await promotions.decide(database, caller, promotion, "refused", opinion.words)
        return await promotions.one(database, caller.organisation, promotion)

    @router.post("/{promotion}/withdrawal", operation_id="withdraw_promotion", responses=problems(404, 409))
    async def withdraw_promotion(caller: Analyst, promotion: PromotionId) -> Promotion:
        """Take back what the caller asked for."""
        return await promotions.withdraw(database, caller, promotion)

    return router
