"""What one application is built from; the default keeps no log, asks nobody for a key and watches no registry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from apps.ml.deployment.answering.call_log import CallLog, NoLog
from apps.ml.deployment.observation.tracing import Tracing
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.versions.chosen import Chooser
from apps.ml.deployment.versions.shelf import Shelf


def _open_door() -> Door:
    return Door(DoorSettings(keys_required=False))


def _shelf_itself(shelf: Shelf) -> Chooser:
    return shelf


@dataclass(frozen=True)
class Options:
    """What the operator chose for one process.

    `chooser`: traffic over the shelf. `state`: folder by which the processes of one server tell each other things;
    None: there is one process. `engine`: the database of keys and of the audit log; None: no administration.
    `refresh_seconds`: how often aliases are resolved again; 0: when told. `webhook_secret`: of the registry's webhooks.
    """

    limits: Limits = field(default_factory=Limits)
    log: CallLog = field(default_factory=NoLog)
    door: Door = field(default_factory=_open_door)
    chooser: Callable[[Shelf], Chooser] = _shelf_itself
    state: Path | None = None
    engine: Engine | None = None
    refresh_seconds: float = 0.0
    webhook_secret: str | None = None
    tracing: Tracing | None = None
