"""What one serving process is built from; to be made in that process, for its journal and threads are its own."""

import os

from sqlalchemy import Engine

from apps.ml.deployment.answering.call_log import CallLog, NoLog
from apps.ml.deployment.observation.tracing import tracing
from apps.ml.deployment.protection.door import open_door
from apps.ml.deployment.protection.door_settings import DoorSettings, door_settings
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.server.settings import ServingSettings
from apps.ml.deployment.traffic.chooser import TrafficChooser
from apps.ml.deployment.versions.delivery import webhook_secret
from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.state_folder import journal_root


def process_options(settings: ServingSettings) -> Options:
    """Return the options of the application of this process."""
    doors = door_settings(settings.host, settings.workers)
    engine = _engine(settings, doors)
    plan = settings.plan
    return Options(
        chooser=(lambda shelf: shelf) if plan is None else (lambda shelf: TrafficChooser(shelf, plan)),
        log=_log(settings),
        door=open_door(doors, engine),
        state=settings.state,
        engine=engine,
        refresh_seconds=settings.refresh_seconds,
        webhook_secret=webhook_secret(),
        tracing=tracing(),
    )


def _log(settings: ServingSettings) -> CallLog:
    if not settings.log:
        return NoLog()
    return Journal(journal_root(settings.state) / str(os.getpid()), journal_bytes=settings.journal_bytes)


def _engine(settings: ServingSettings, doors: DoorSettings) -> Engine | None:
    """The database is needed for the log, for keys and for the audit log; without all three there is none."""
    if not settings.log and not doors.keys_required:
        return None
    return open_database(create=True)
