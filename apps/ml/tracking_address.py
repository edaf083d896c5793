"""Where the tracking store and the registry are: one rule for those who write to them and those who only read."""

import os
from pathlib import Path

from apps.ml.artifact_paths import repository_root

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"


def tracking_address() -> str:
    """Return MLFLOW_TRACKING_URI, or by default a SQLite file in the root of the repository.

    A relative SQLite address is resolved from the repository's root: a queued experiment runs in a copy of the
    repository, and whatever it wrote into a relative place would be lost with that copy.
    """
    address = os.environ.get(TRACKING_VARIABLE)
    if not address:
        return sqlite_address(repository_root() / "mlflow.db")
    if address.startswith(SQLITE) and not address.startswith(SQLITE + "/"):
        return sqlite_address(repository_root() / address.removeprefix(SQLITE))
    return address


def sqlite_address(path: Path) -> str:
    """Return the SQLAlchemy address of a SQLite file."""
    return f"{SQLITE}{path.resolve()}"


def artifact_location() -> Path:
    """Return the folder for artifacts that goes with the default SQLite store."""
    return repository_root() / "mlartifacts"
