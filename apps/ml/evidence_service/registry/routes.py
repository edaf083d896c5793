"""The routes of the registry."""

from fastapi import FastAPI

from apps.ml.evidence_service.options import Options
from apps.ml.evidence_service.registry.act_routes import act_routes
from apps.ml.evidence_service.registry.desk import RegistryDesk
from apps.ml.evidence_service.registry.reading_routes import reading_routes
from apps.ml.evidence_service.registry.store_watch import StoreWatch


def install(api: FastAPI, options: Options, store: StoreWatch) -> RegistryDesk:
    """Add the routes below /v1/registry, and return the desk behind them."""
    desk = RegistryDesk(store, options)
    api.include_router(reading_routes(desk))
    api.include_router(act_routes(desk, options))
    options.areas.metrics.append(desk.metrics)
    return desk
