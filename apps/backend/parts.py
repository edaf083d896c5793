"""What routes are made over."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import HTTPConnection

from apps.backend.background import Background
from apps.backend.identity.attempts import Attempts
from apps.backend.identity.authenticator import Authenticator
from apps.backend.identity.passwords import Passwords
from apps.backend.protection.rates import Rates
from apps.backend.settings import Settings
from apps.backend.storage.database import Database
from apps.backend.upstreams.evidence_service import EvidenceService
from apps.backend.upstreams.model_server import ModelServer

AfterPromotion = Callable[[AsyncConnection, str, str, str], Awaitable[None]]
"""What follows from a promotion, in its transaction: given the organisation, the model and its new champion."""


@dataclass
class Parts:
    """The parts of one running backend. `after_promotion`: areas add to it what they do then."""

    settings: Settings
    database: Database
    authenticator: Authenticator
    passwords: Passwords
    attempts: Attempts
    rates: Rates
    model_server: ModelServer
    evidence: EvidenceService
    background: Background
    after_promotion: list[AfterPromotion] = field(default_factory=list)


def make_parts(settings: Settings) -> Parts:
    """Make the parts of a backend; nothing is connected yet."""
    database = Database(settings.database, create=True)
    return Parts(
        settings=settings,
        database=database,
        authenticator=Authenticator(database),
        passwords=Passwords(),
        attempts=Attempts(),
        rates=Rates(settings.requests_per_minute),
        model_server=ModelServer(settings),
        evidence=EvidenceService(settings),
        background=Background(),
    )


def parts_of(request: HTTPConnection) -> Parts:
    """Return the parts of the application that got a request."""
    parts: Parts = request.app.state.parts
    return parts
