"""Routes of the governance link, and the job that sends; nothing is sent unless the settings name a store."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, Path, Query

from apps.backend import moments
from apps.backend.access import Admin, Viewer
from apps.backend.governance import publishing, systems
from apps.backend.governance.bodies import (
    GovernanceSystem,
    GovernanceSystems,
    Publication,
    PublicationWish,
    State,
    SystemOfModel,
)
from apps.backend.governance.preparing import Preparing
from apps.backend.governance.queueing import queue_after_promotion
from apps.backend.governance.sending import Sending
from apps.backend.models.addresses import ModelName, ModelPath
from apps.backend.models.evidence import EvidenceReader
from apps.backend.parts import Parts
from apps.backend.problems import problems
from apps.backend.protection.repeats import IdempotencyKey, once
from apps.backend.storage.pages import USUAL_ROWS, Cursor, Limit, Page
from apps.backend.upstreams.registry import Registry

PREFIX = "/api/v1/governance"
JOB = "governance"
JOB_SECONDS = 5.0
PublicationId = Annotated[str, Path(pattern="^[0-9a-f-]{36}$", description="The publication's id.")]
OfModel = Annotated[ModelName | None, Query(description="Of this model alone.")]
InState = Annotated[State | None, Query(description="In this state alone.")]


def install(app: FastAPI, parts: Parts) -> None:
    """Add them to the application."""
    app.include_router(_publications(parts))
    app.include_router(_systems(parts))
    if parts.settings.governance is not None:
        parts.after_promotion.append(queue_after_promotion)
        parts.background.every(JOB_SECONDS, JOB, Link(parts).work)


class Link:
    """The job: makes the items of new publications, then sends what is due."""

    def __init__(self, parts: Parts) -> None:
        registry = Registry(parts.evidence)
        self._preparing = Preparing(parts.database, registry, EvidenceReader(registry, kept_bytes=0))
        self._sending = Sending(parts.database, parts.settings)

    async def work(self) -> None:
        """Do what is due now."""
        await self.work_at(moments.now())

    async def work_at(self, now: int) -> None:
        """Do what is due at a moment, in microseconds since 1970."""
        await self._preparing.prepare_due(now)
        await self._sending.send_due(now)


def _publications(parts: Parts) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/publications", tags=["governance"])
    database = parts.database

    @router.post("", operation_id="publish_evidence", status_code=202, responses=problems(404, 409))
    async def publish_evidence(caller: Admin, wish: PublicationWish, request_key: IdempotencyKey = None) -> Publication:
        """Queue the evidence of a version for a system of the governance store; what is there is not sent again."""

        async def work() -> Publication:
            publishing.require_store(parts.settings)
            queued = await publishing.publish(database, caller, wish)
            parts.background.wake(JOB)
            return queued

        return await once(parts, caller, request_key, f"POST {PREFIX}/publications", wish, work, Publication)

    @router.get("", operation_id="list_publications", responses=problems())
    async def list_publications(
        caller: Viewer, limit: Limit = USUAL_ROWS, cursor: Cursor = None, model: OfModel = None, state: InState = None
    ) -> Page[Publication]:
        """The organisation's publications with their items, the newest first."""
        filters = {"model": model, "state": state}
        return await publishing.page(database, caller.organisation, filters, limit, cursor)

    @router.get("/{publication}", operation_id="read_publication", responses=problems(404))
    async def read_publication(caller: Viewer, publication: PublicationId) -> Publication:
        """One of them."""
        return await publishing.one(database, caller.organisation, publication)

    return router


def _systems(parts: Parts) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/systems", tags=["governance"])
    database = parts.database

    @router.get("", operation_id="list_governance_systems", responses=problems())
    async def list_governance_systems(caller: Viewer) -> GovernanceSystems:
        """Which system each model is a part of."""
        return await systems.all_systems(database, caller.organisation)

    @router.put("/{model}", operation_id="set_governance_system", responses=problems(404, 409))
    async def set_governance_system(caller: Admin, model: ModelPath, system: SystemOfModel) -> GovernanceSystem:
        """Say which system a model is a part of: the evidence of each version that is promoted is sent there."""
        publishing.require_store(parts.settings)
        return await systems.put(database, caller, model, system)

    @router.delete("/{model}", operation_id="remove_governance_system", status_code=204, responses=problems(404))
    async def remove_governance_system(caller: Admin, model: ModelPath) -> None:
        """Send nothing more of a model by itself."""
        await systems.remove(database, caller, model)

    return router
