"""The tracking store: found, reachable, migrated, and with a place for artifacts that outlives the process."""

import fcntl
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apps.ml.artifact_paths import repository_root
from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.files import write_with
from apps.ml.tracking_address import (
    SQLITE,
    TRACKING_VARIABLE,
    artifact_location,
    printable,
    require_reachable,
    tracking_address,
)

SQLITE_HEADER = b"SQLite format 3\x00"
FIRST_REQUEST = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""The first request decides within seconds whether a server is there; MLflow by itself waits for minutes."""

LATER_REQUESTS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
NOISY_LOGGERS = ("mlflow", "alembic")


@dataclass(frozen=True)
class TrackingStore:
    """An open tracking store with its registry; `client` is MLflow's."""

    address: str
    client: Any

    @property
    def is_server(self) -> bool:
        """Whether the store is behind HTTP, which then decides itself where artifacts lie."""
        return self.address.startswith(("http://", "https://"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process of this machine at a time look for a run and publish it."""
        with _file_lock(lock_file(self.address)):
            yield

    def experiment_id(self, name: str) -> str:
        """Return the id of the experiment `name`, created if need be with a place for its artifacts that lasts.

        Without an explicit place, MLflow would pin the experiment to the folder of the process that first used it,
        which for a queued experiment is deleted afterwards.
        """
        found = self.client.get_experiment_by_name(name)
        if found is not None and found.lifecycle_stage == "deleted":
            raise BadInputError(
                f"The experiment '{name}' of {printable(self.address)} is deleted. "
                f"Restore it: `mlflow experiments restore --experiment-id {found.experiment_id}`."
            )
        if found is not None:
            return str(found.experiment_id)
        place = None if self.is_server else artifact_location().as_uri()
        return str(self.client.create_experiment(name, artifact_location=place))


def open_store() -> TrackingStore:
    """Return the store at the tracking address, migrated and known to answer.

    Raises
    ------
    BadInputError
        The address is a folder, or a file that is no SQLite database.
    ServiceUnavailableError
        The server or database does not answer within a few seconds, or refuses.
    """
    address = tracking_address()
    _require_database(address)
    require_reachable(address)
    with _file_lock(lock_file(address)), _environment(FIRST_REQUEST), failures_of_the_store(address):
        _create_sqlite_file(address)
        store = TrackingStore(address, _client(address))
        store.client.search_experiments(max_results=1)
    for variable, value in LATER_REQUESTS.items():
        os.environ.setdefault(variable, value)
    return store


def store_at(address: str) -> TrackingStore:
    """Return the store at an address that is known to hold one, as the store of a clone."""
    return TrackingStore(address, _client(address))


@contextmanager
def answering_store() -> Iterator[TrackingStore]:
    """Yield the store; what fails in its use is told as :func:`open_store` tells it."""
    store = open_store()
    with failures_of_the_store(store.address):
        yield store


@contextmanager
def failures_of_the_store(address: str) -> Iterator[None]:
    """Turn whatever MLflow, its database or the network raises into one sentence."""
    from alembic.util.exc import CommandError
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, CommandError, SQLAlchemyError, ConnectionError) as error:
        raise ServiceUnavailableError(
            f"The tracking store at {printable(address)} does not answer as it should "
            f"({type(error).__name__}: {_without_credentials(error, address)}). Start or mend it, "
            f"or set {TRACKING_VARIABLE} to one that runs."
        ) from error


def lock_file(address: str) -> Path:
    """Return the file that processes lock: beside a SQLite file, else in the root of the repository."""
    database = Path(address.removeprefix(SQLITE)) if address.startswith(SQLITE) else repository_root() / "mlflow.db"
    return database.with_name(database.name + ".lock")


def _require_database(address: str) -> None:
    """Refuse early what MLflow would refuse late, after retries, or with a traceback."""
    if address.startswith("file:") or ("://" not in address and not address.startswith("databricks")):
        raise BadInputError(
            f"{TRACKING_VARIABLE} is the folder {address}; runs are kept in a database or on a server. "
            f"Write {SQLITE}<file>, postgresql://… or http://…"
        )
    if address.startswith(SQLITE):
        _require_sqlite_file(Path(address.removeprefix(SQLITE)))


def _require_sqlite_file(path: Path) -> None:
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise BadInputError(f"{path} cannot be written. Set {TRACKING_VARIABLE} to a file that can.")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    with path.open("rb") as stream:
        header = stream.read(len(SQLITE_HEADER))
    if header not in (b"", SQLITE_HEADER):
        raise BadInputError(f"{path} is no SQLite database. Set {TRACKING_VARIABLE} to another file.")


def _create_sqlite_file(address: str) -> None:
    """Create and migrate a new SQLite store, whole or not at all.

    Two processes that migrate the same empty file break each other, and so does a process that ends half-way: the
    caller holds the lock, and the file takes its name when it is complete.
    """
    path = Path(address.removeprefix(SQLITE))
    if address.startswith(SQLITE) and not (path.exists() and path.stat().st_size):
        write_with(path, lambda temporary: _client(f"{SQLITE}{temporary}").search_experiments(max_results=1))


def _client(address: str) -> Any:
    import mlflow

    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow.MlflowClient(tracking_uri=address, registry_uri=address)


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(stream, fcntl.LOCK_UN)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {variable: os.environ.get(variable) for variable in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value


def _without_credentials(error: Exception, address: str) -> str:
    credentials, at, _ = urlsplit(address).netloc.rpartition("@")
    text = " ".join(str(error).split()).replace(credentials + at, "")
    return text if len(text) <= 200 else text[:200] + "…"
