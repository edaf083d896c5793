"""Runs of versions, and the files that were published with them; only what the store lists is read."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.kept import Kept
from apps.ml.experiments.registry import Version
from apps.ml.experiments.tracking import TrackingStore
from apps.ml.tracking_address import ABSENT_CODES

ESTIMATOR = "model_training.estimator"
NO_RUN = ("", "None")
RUN_BYTES = 500
"""How much memory the few facts of a run count as."""

MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class PublishedRun:
    """What of a complete run never changes. `location`: where its files lie; `address`: of the store they belong to."""

    address: str
    location: str
    estimator: str | None

    def files(self, folder: str = "") -> dict[str, int]:
        """Return path → bytes of the files right in a folder; empty where there is no such folder."""
        import mlflow.artifacts

        # By its location: by the id of the run the tracking library reads the whole run for every question.
        place = f"{self.location}/{folder}".rstrip("/")
        listed = mlflow.artifacts.list_artifacts(artifact_uri=place, tracking_uri=self.address)
        return {
            f"{folder}/{PurePosixPath(entry.path).name}".lstrip("/"): int(entry.file_size or 0)
            for entry in listed
            if not entry.is_dir
        }

    def content(self, path: str, most_bytes: int) -> bytes | None:
        """Return the bytes of a file, None where there is no such file.

        Raises
        ------
        RefusalError
            500: it is larger than `most_bytes`, or is listed and cannot be had.
        """
        import mlflow.artifacts

        size = self.files(path.rpartition("/")[0]).get(path)
        if size is None:
            return None
        if size > most_bytes:
            raise refused.too_large(most_bytes)
        with tempfile.TemporaryDirectory(prefix="fairmind-published-") as folder:
            try:
                found = mlflow.artifacts.download_artifacts(
                    artifact_uri=f"{self.location}/{path}", dst_path=folder, tracking_uri=self.address
                )
                return Path(found).read_bytes()
            except FileNotFoundError:
                raise refused.damaged("a file") from None


@dataclass(frozen=True)
class PublishedRuns:
    """The runs that were asked for before, by their ids."""

    kept: Kept[str, PublishedRun] = field(default_factory=lambda: Kept(MOST_BYTES))

    def of(self, store: TrackingStore, version: Version) -> PublishedRun | None:
        """Return the run of a version, None for a version that was registered without one, or whose run is gone."""
        found = self.kept.get(version.run_id)
        if found is None:
            run = run_of(store, version)
            if run is None:
                return None
            estimator = run.data.params.get(ESTIMATOR)
            found = PublishedRun(store.address, str(run.info.artifact_uri).rstrip("/"), estimator)
            self.kept.keep(version.run_id, found, RUN_BYTES)
        return found


def run_of(store: TrackingStore, version: Version) -> Any | None:
    """Return MLflow's run of a version with everything in it, None where there is none."""
    from mlflow.exceptions import MlflowException

    if version.run_id in NO_RUN:
        return None
    try:
        return store.client.get_run(version.run_id)
    except MlflowException as error:
        if error.error_code in ABSENT_CODES:
            return None
        raise
