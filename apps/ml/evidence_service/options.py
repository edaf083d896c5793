"""What one evidence service is built from, and what its areas tell it about themselves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.core import Metric
from sqlalchemy import Engine

from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.requests.limits import Limits

CONTROL_BODY_BYTES = 64_000
"""Of a body that says what to do; tables have a bound of their own."""

CONTROL_BODY_SECONDS = 10.0


@dataclass
class Areas:
    """Filled while the routes are installed, by whoever installs them.

    `notes`: name of an area → a function that says what is not in order with it though the service answers, None where
    all is (for /readyz; it must not wait). `metrics`: what /metrics shows beside the requests. `starting`, `closing`:
    called in a thread when the application starts and when it ends; what is closed must not take new work.
    """

    notes: dict[str, Callable[[], str | None]] = field(default_factory=dict)
    metrics: list[Callable[[], Iterable[Metric]]] = field(default_factory=list)
    starting: list[Callable[[], None]] = field(default_factory=list)
    closing: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True)
class Bounds:
    """What reading and changing the registry may cost.

    `reading_threads`: reads of the tracking store at the same time. `comparing_threads`: comparisons, which score and
    count. `reading_seconds`, `comparing_seconds`, `changing_seconds`: how long a caller waits. `kept_bytes`: records
    and documents in memory. `document_bytes`: the largest published file that is handed out.
    """

    reading_threads: int = 8
    comparing_threads: int = 1
    reading_seconds: float = 20.0
    comparing_seconds: float = 25.0
    changing_seconds: float = 25.0
    kept_bytes: int = 128_000_000
    document_bytes: int = 64_000_000


def _open_door() -> Door:
    return Door(DoorSettings(keys_required=False))


@dataclass(frozen=True)
class Options:
    """What the operator chose for one process.

    `engine`: the database of keys and of the admin log; None: acts are not recorded there. `workspace`: the folder with
    params.yaml and the rows by which a candidate is compared with the champion. `limits`: of bodies that say what is
    to be done.
    """

    door: Door = field(default_factory=_open_door)
    engine: Engine | None = None
    workspace: Path = Path()
    limits: Limits = field(
        default_factory=lambda: Limits(body_bytes=CONTROL_BODY_BYTES, body_seconds=CONTROL_BODY_SECONDS)
    )
    bounds: Bounds = field(default_factory=Bounds)
    meter: Meter = field(default_factory=Meter)
    areas: Areas = field(default_factory=Areas)
