"""The routes of all protocols, put together."""

from dataclasses import dataclass

from fastapi import FastAPI

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.native.explain_routes import ExplainedAnswers, explain_routes
from apps.ml.deployment.native.outcome_routes import outcome_routes
from apps.ml.deployment.native.predict_route import PredictRoute
from apps.ml.deployment.native.routes import native_routes
from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.admin_routes import admin_routes
from apps.ml.deployment.protocols.routes import protocol_routes
from apps.ml.deployment.server.all_shelves import AllShelves
from apps.ml.deployment.server.background import Background
from apps.ml.deployment.server.health import health_routes, metrics_routes
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.server.readings import Readings
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.deployment.versions.webhook import webhook_routes


@dataclass(frozen=True)
class Parts:
    """What routes are made over."""

    shelf: Shelf
    desk: Desk
    predict: PredictRoute
    explain: ExplainedAnswers
    readings: Readings
    background: Background
    options: Options


def add_routes(api: FastAPI, parts: Parts) -> None:
    """Add every route of the server to `api`."""
    options = parts.options
    api.include_router(native_routes(parts.shelf, parts.predict))
    api.include_router(explain_routes(parts.explain, options.limits))
    api.include_router(outcome_routes(options.log, options.limits))
    api.include_router(protocol_routes(parts.desk, parts.shelf, options.limits, parts.readings.why_not_ready))
    api.include_router(health_routes(parts.readings.readiness))
    api.include_router(metrics_routes(parts.background.counts.total, parts.readings.state))
    api.include_router(webhook_routes(parts.background.watcher, options.webhook_secret))
    if options.engine is not None:
        shelves, drain = AllShelves(parts.shelf, options.state), parts.background.drain
        api.include_router(admin_routes(shelves, AdminLog(options.engine), options.door, drain))
