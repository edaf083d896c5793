"""Where the tracking store and the registry are: one rule for those who write to them and those who only read."""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from apps.ml.artifact_paths import repository_root
from apps.ml.errors import ServiceUnavailableError

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"
EVIDENCE_TAG = "fairmind.evidence"
"""Tag of a run and of a version: digest of the evidence. The model server returns it with each prediction."""

BASIS_TAG = "fairmind.explanation_basis"
"""Tag of a run and of a version: sha256 of the file that the model server takes its basis of explanations from."""

ABSENT_CODES = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_PARAMETER_VALUE")
"""MLflow's codes for a name that is not there, or could not be."""
CONNECT_SECONDS = 3.0
DEFAULT_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


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


def require_reachable(address: str, timeout_seconds: float = CONNECT_SECONDS) -> None:
    """Open and close one connection to the host of `address`; an address without a host passes.

    Raises
    ------
    ServiceUnavailableError
        Nobody accepts a connection there within `timeout_seconds`.
    """
    parts = urlsplit(address)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme.partition("+")[0])
    if parts.hostname is None or port is None:
        return
    try:
        socket.create_connection((parts.hostname, port), timeout_seconds).close()
    except OSError as error:
        raise ServiceUnavailableError(
            f"{printable(address)} does not answer ({error.strerror or type(error).__name__}). Start the server there, "
            f"or set {TRACKING_VARIABLE} to one that runs."
        ) from error


def printable(address: str) -> str:
    """Return an address without user name and password."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")) if parts.hostname else address
