"""Reading the MLflow registry: which version an address means, and its files. Nothing here writes."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from apps.ml.errors import BundleError, FairMindError, RegistryError, ServiceUnavailableError
from apps.ml.tracking_address import (
    ABSENT_CODES,
    BASIS_TAG,
    EVIDENCE_TAG,
    SQLITE,
    TRACKING_VARIABLE,
    printable,
    require_reachable,
    tracking_address,
)

SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""MLflow by itself asks seven times and waits two minutes each; a server that starts must say soon that it cannot."""

BUNDLE_IN_MODEL = "artifacts/bundle"
"""Where an MLflow model of ours holds its bundle."""

BASIS_IN_MODEL = "artifacts/explanation_basis.json"
"""Where it holds what its explanations compare people with."""


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of the registry. `created`: milliseconds since 1970. `evidence` and `basis` (sha256 of the file): the
    digests in its tags, or None.

    Two are equal where the registry holds one thing: a model that was deleted and registered anew has other versions.
    """

    name: str
    number: str
    evidence: str | None
    created: int
    basis: str | None = None


def find_version(name: str, version: str | None, alias: str | None) -> RegisteredVersion:
    """Resolve an alias, or look a version up.

    Raises
    ------
    RegistryError
        There is no such model, version or alias.
    ServiceUnavailableError
        The registry does not answer.
    """
    wanted = f"alias '{alias}'" if alias else f"version {version}"
    client = _client(f"model '{name}' with {wanted}")
    with _registry_failures(_absent(name, wanted)):
        found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)
    told = found.tags
    created = int(found.creation_timestamp or 0)
    return RegisteredVersion(name, str(found.version), told.get(EVIDENCE_TAG), created, told.get(BASIS_TAG))


@contextmanager
def downloaded_bundle(version: RegisteredVersion) -> Iterator[Path]:
    """Yield a temporary folder with the bundle of a version; it is removed afterwards.

    Raises
    ------
    BundleError
        The version holds no bundle.
    ServiceUnavailableError
        The files of the version cannot be had.
    """
    absent = BundleError(
        f"Version {version.number} of '{version.name}' holds no bundle, or its files are gone. Serve a version that "
        "`dvc repro` registered."
    )
    with tempfile.TemporaryDirectory(prefix="fairmind-model-") as folder:
        yield _downloaded(version, BUNDLE_IN_MODEL, folder, absent)


def downloaded_basis(version: RegisteredVersion) -> bytes:
    """Return the file that a version's explanations compare people with, as the version's tag names it.

    Raises
    ------
    BundleError
        The file is gone, or is another one than the tag says.
    ServiceUnavailableError
        The files of the version cannot be had.
    """
    absent = BundleError(
        f"the basis of explanations of version {version.number} of '{version.name}' is gone. Register "
        "the version again: `dvc repro`."
    )
    if BASIS_IN_MODEL not in _listed(version, absent):
        raise absent
    with tempfile.TemporaryDirectory(prefix="fairmind-basis-") as folder:
        content = _downloaded(version, BASIS_IN_MODEL, folder, absent).read_bytes()
    if hashlib.sha256(content).hexdigest() != version.basis:
        raise BundleError(
            f"the basis of explanations of version {version.number} of '{version.name}' was changed: its sha256 is not "
            f"that of the tag {BASIS_TAG}. Register the version again: `dvc repro`."
        )
    return content


def _listed(version: RegisteredVersion, absent: BundleError) -> list[str]:
    """Return what lies beside the bundle: a server tells of a file that is gone as of one that it cannot read."""
    import mlflow

    client = _client(f"model '{version.name}' with version {version.number}")
    folder = BASIS_IN_MODEL.rpartition("/")[0]
    with _registry_failures(absent):
        files = client.get_model_version_download_uri(version.name, version.number)
        found = mlflow.artifacts.list_artifacts(artifact_uri=f"{files}/{folder}", tracking_uri=tracking_address())
    return [f"{folder}/{Path(one.path).name}" for one in found]


def _downloaded(version: RegisteredVersion, place: str, folder: str, absent: BundleError) -> Path:
    import mlflow

    client = _client(f"model '{version.name}' with version {version.number}")
    with _registry_failures(absent):
        files = client.get_model_version_download_uri(version.name, version.number)
        path = mlflow.artifacts.download_artifacts(
            artifact_uri=f"{files}/{place}", dst_path=folder, tracking_uri=tracking_address()
        )
    return Path(path)


def _client(wanted: str) -> Any:
    """A client of the registry that answers soon; an SQLite file that does not exist is not created by asking."""
    address = tracking_address()
    if address.startswith(SQLITE) and not _holds_something(Path(address.removeprefix(SQLITE))):
        raise RegistryError(
            f"There is no {wanted}: no registry exists at {address}. Run `make reproduce` or `dvc repro` to train and "
            f"register one, or set {TRACKING_VARIABLE}."
        )
    require_reachable(address)
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
    import mlflow

    with _registry_failures():
        return mlflow.MlflowClient(tracking_uri=address, registry_uri=address)


def _holds_something(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


@contextmanager
def _registry_failures(absent: FairMindError | None = None) -> Iterator[None]:
    """Turn failures of MLflow and of its database into ours; `absent` is raised for what the registry does not hold."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        if absent is not None and error.error_code in ABSENT_CODES:
            raise absent from error
        _refuse_unanswered(error)
    except (OSError, SQLAlchemyError) as error:
        _refuse_unanswered(error)


def _absent(name: str, wanted: str) -> RegistryError:
    return RegistryError(
        f"The registry at {printable(tracking_address())} has no model '{name}' with {wanted}. `fairmind models list` "
        f"shows what there is; `fairmind models promote {name} --version N` makes a version the champion."
    )


def _refuse_unanswered(error: Exception) -> NoReturn:
    raise ServiceUnavailableError(
        f"The registry at {printable(tracking_address())} does not answer as one ({type(error).__name__}). Start or "
        f"mend it, or set {TRACKING_VARIABLE} to one that runs."
    ) from error
