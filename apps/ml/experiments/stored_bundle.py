"""The bundle of a model in the store, checked file by file and against its golden rows as wherever a bundle is read."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.ml.errors import BundleError
from apps.ml.experiments.tracking import TrackingStore
from apps.ml.files import sha256_of_file
from apps.ml.models.bundle import ModelBundle, read_bundle
from apps.ml.models.bundle_files import MANIFEST_FILE
from apps.ml.tracking_address import ABSENT_CODES

BUNDLE_IN_MODEL = "artifacts/bundle"


def read_stored_bundle(store: TrackingStore, location: str, whose: str, mending: str) -> tuple[ModelBundle, str]:
    """Return a stored model's bundle and the digest of its manifest.

    Parameters
    ----------
    store : TrackingStore
    location
        Where the model lies, as :func:`apps.ml.experiments.registry.model_location` returns it.
    whose, mending
        For the error: `the files of <whose> are gone from the store. <mending>`

    Raises
    ------
    BundleError
        The files are gone from the store, damaged, or do not reproduce their golden rows.
    """
    with stored_bundle_folder(store, location, whose, mending) as folder:
        return read_bundle(folder), sha256_of_file(folder / MANIFEST_FILE)


@contextmanager
def stored_bundle_folder(store: TrackingStore, location: str, whose: str, mending: str) -> Iterator[Path]:
    """Yield a temporary copy of a stored bundle; parameters and errors as for :func:`read_stored_bundle`."""
    import mlflow
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    with tempfile.TemporaryDirectory(prefix="fairmind-bundle-") as folder:
        try:
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{_resolved(store, location)}/{BUNDLE_IN_MODEL}",
                dst_path=folder,
                tracking_uri=store.address,
            )
        except (MlflowException, OSError) as error:
            unanswered = isinstance(error, MlflowException) and error.error_code not in ABSENT_CODES
            if unanswered or isinstance(error, RequestException):
                raise
            raise BundleError(f"the files of {whose} are gone from the store. {mending}") from error
        yield Path(path)


def _resolved(store: TrackingStore, location: str) -> str:
    """Return where a logged model's files lie; below `models:/<id>` a tracking server finds the whole model alone."""
    scheme, _, name = location.partition(":/")
    if scheme != "models" or "/" in name:
        return location
    return str(store.client.get_logged_model(name).artifact_location)
