"""What the operator says when the evidence service is started."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from apps.ml.deployment.protection.door_settings import KEYS_VARIABLE, DoorSettings, door_settings
from apps.ml.prediction_log.database import DATABASE_VARIABLE, answering, database_address, open_database, sqlite_file
from apps.ml.prediction_log.schema import upgrade

STORE_VARIABLES = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""By itself the tracking library tries for minutes what a caller waits for seconds; what the operator set stays."""


@dataclass(frozen=True)
class EvidenceSettings:
    """Where the service listens, whom it asks for keys, and in which folder candidates are compared.

    `keys`: `required` or `off`; None: FAIRMIND_KEYS, else required off loopback. `workspace`: holds params.yaml and the
    test rows.
    """

    host: str = "127.0.0.1"
    port: int = 8081
    keys: str | None = None
    workspace: Path = Path()
    as_json: bool = False

    def doors(self) -> DoorSettings:
        """Return what the door asks for; :class:`BadInputError` where a setting holds what it cannot mean."""
        given = dict(os.environ) if self.keys is None else {**os.environ, KEYS_VARIABLE: self.keys}
        return door_settings(self.host, environment=given)


def database_of(doors: DoorSettings) -> Engine | None:
    """Return the database of keys and of the admin log, its tables up to date; None where nothing names one.

    Raises
    ------
    BadInputError
        The address is none of a database.
    ServiceUnavailableError
        It does not answer.
    """
    named = doors.keys_required or bool(os.environ.get(DATABASE_VARIABLE))
    engine = open_database(database_address(), create=named)
    file = sqlite_file(engine)
    if not named and (file is None or not file.exists()):
        return None
    with answering(engine):
        upgrade(engine)
    return engine


def tell_the_tracking_library() -> None:
    """Bound what the tracking library does by itself, where the operator said nothing of it."""
    for variable, value in STORE_VARIABLES.items():
        os.environ.setdefault(variable, value)
