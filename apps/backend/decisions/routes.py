"""The routes of decisions, and the job that passes on what came of them."""

from functools import partial

from fastapi import FastAPI

from apps.backend.decisions import decision_routes, report_routes, review_routes
from apps.backend.decisions.sending import EVERY_SECONDS, JOB, send_reports
from apps.backend.parts import Parts


def install(app: FastAPI, parts: Parts) -> None:
    """Add them to the application."""
    for routes in (decision_routes, review_routes, report_routes):
        app.include_router(routes.router(parts))
    parts.background.every(EVERY_SECONDS, JOB, partial(send_reports, parts))
