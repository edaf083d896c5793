"""The routes of this part, and the job that does what was approved and is not done yet."""

from fastapi import FastAPI

from apps.backend import moments
from apps.backend.models.evidence import EvidenceReader
from apps.backend.models.execution import Execution
from apps.backend.models.promotion_routes import promotion_routes
from apps.backend.models.reading import reading_routes
from apps.backend.parts import Parts
from apps.backend.upstreams.registry import Registry

JOB = "promotions"
JOB_SECONDS = 5.0


def install(app: FastAPI, parts: Parts) -> None:
    """Add them to the application."""
    registry = Registry(parts.evidence)
    execution = Execution(parts.database, registry, parts.after_promotion)

    async def work() -> None:
        await execution.carry_out_due(moments.now())

    app.include_router(reading_routes(parts, registry, EvidenceReader(registry)))
    app.include_router(promotion_routes(parts, registry, execution))
    parts.background.every(JOB_SECONDS, JOB, work)
