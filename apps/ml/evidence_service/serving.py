"""`fairmind evidence`: the socket, the application, announcements, and a clean end."""

import os

import uvicorn

from apps.ml.deployment.observation.logs import configure_logs
from apps.ml.deployment.protection.bounded_http import BoundedHttpProtocol
from apps.ml.deployment.protection.door import open_door
from apps.ml.deployment.server.announcements import Announcements, spare_loaded_objects
from apps.ml.deployment.server.http_server import (
    KEEP_ALIVE_SECONDS,
    PROXIES_VARIABLE,
    address_of,
    listen,
    run_until_told,
)
from apps.ml.errors import BadInputError
from apps.ml.evidence_service.application import EvidenceApplication
from apps.ml.evidence_service.options import Options
from apps.ml.evidence_service.registry.store_watch import StoreState, StoreWatch
from apps.ml.evidence_service.settings import EvidenceSettings, database_of, tell_the_tracking_library

GRACE_SECONDS = 30
"""Longer than any caller waits for an answer of this service."""


class StoreListener:
    """Announces the tracking store, and ends a server whose store can never be opened."""

    def __init__(self, announcements: Announcements, address: str) -> None:
        self._announcements, self._address = announcements, address
        self._is_told: set[str] = set()
        self.server: uvicorn.Server | None = None
        self.failure: BadInputError | None = None

    def __call__(self, state: StoreState) -> None:
        """Take note of a change; later ones are in the log."""
        if state.trouble is None:
            self._once("ready", f"Ready: {self._address}/v1/registry/models")
        elif not state.is_final:
            self._once("waiting", f"Waiting for the tracking store: {state.trouble}", reason=state.trouble)
        else:
            self.failure = BadInputError(state.trouble)
            if self.server is not None:
                self.server.should_exit = True

    def _once(self, event: str, text: str, **facts: str) -> None:
        if event in self._is_told or "ready" in self._is_told:
            return
        self._is_told.add(event)
        if event == "ready":
            spare_loaded_objects()
        self._announcements.say(event, text, address=self._address, **facts)


def run_evidence_service(settings: EvidenceSettings) -> None:
    """Serve until SIGTERM or SIGINT, and finish the requests that have begun.

    A tracking store that does not answer yet is waited for: /readyz says so meanwhile, and audits need none.

    Raises
    ------
    BadInputError
        The address cannot be listened on, or a setting or the address of the tracking store holds what it cannot mean.
    ServiceUnavailableError
        The database of the keys does not answer.
    """
    configure_logs()
    tell_the_tracking_library()
    doors = settings.doors()
    engine = database_of(doors)
    listening = listen(settings.host, settings.port)
    address = address_of(listening)
    announcements = Announcements(settings.as_json)
    announcements.say("listening", f"Listening; {address}/readyz tells whether the store answers", address=address)
    listener = StoreListener(announcements, address)
    options = Options(door=open_door(doors, engine), engine=engine, workspace=settings.workspace)
    application = EvidenceApplication(options, StoreWatch(listener))
    listener.server = _http_server(application)
    run_until_told(listener.server, listening)
    if engine is not None:
        engine.dispose()
    failure = application.failure or listener.failure
    if failure is not None:
        raise failure


def _http_server(application: EvidenceApplication) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="on",
            loop="uvloop",
            http=BoundedHttpProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(os.environ.get(PROXIES_VARIABLE)),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
