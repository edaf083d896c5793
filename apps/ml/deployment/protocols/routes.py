"""All routes of the peers' protocols."""

from collections.abc import Callable

from fastapi import APIRouter

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.protocols.counter import Counter
from apps.ml.deployment.protocols.inference_routes import inference_routes
from apps.ml.deployment.protocols.kserve_routes import kserve_routes
from apps.ml.deployment.protocols.mlflow_routes import mlflow_routes
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.versions.shelf import Shelf


def protocol_routes(
    desk: Desk, shelf: Shelf, limits: Limits, why_not_ready: Callable[[], str | None] | None = None
) -> APIRouter:
    """Return the routes of MLflow's scoring, the Open Inference Protocol and KServe v1.

    Parameters
    ----------
    why_not_ready
        Returns why predictions are not answered, None where they are; None: what shelf and log say.
    """
    counter = Counter(desk, shelf, limits, why_not_ready)
    router = APIRouter()
    for routes in (mlflow_routes(counter), inference_routes(counter), kserve_routes(counter)):
        router.include_router(routes)
    return router
