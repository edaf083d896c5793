"""What routes are made over."""

from dataclasses import dataclass

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


@dataclass
class Parts:
    """The parts of one running backend."""

    settings: Settings
    database: Database
    authenticator: Authenticator
    passwords: Passwords
    attempts: Attempts
    rates: Rates
    model_server: ModelServer
    evidence: EvidenceService
    background: Background


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
