"""What a run's model answered for its test rows: from the workspace, from DVC's cache, or scored again.

The sources are tried in this order, and each is used only where its digest is the one that the run is tagged with. So
the rows are those that the run's metrics were measured on, or there are none and a reason why.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_split
from apps.ml.errors import BadInputError, DataError
from apps.ml.evaluation.model_comparison.rows import AnsweredRows, from_predictions, from_split
from apps.ml.experiments import registry, tags
from apps.ml.experiments.dvc_cache import DvcCache
from apps.ml.experiments.fingerprint import dvc_digest
from apps.ml.experiments.stored_bundle import read_stored_bundle
from apps.ml.experiments.tracking import TrackingStore

TEST_FILE = "test.parquet"
WORKSPACE, CACHE, SCORED_AGAIN = "workspace", "DVC cache", "scored again"
MENDING = "Run `dvc pull`, or `fairmind runs reproduce` to make the rows anew."


@dataclass(frozen=True)
class RunRows:
    """Answered test rows of a run and where they came from."""

    answers: AnsweredRows
    source: str


def rows_of_run(store: TrackingStore, run: Any, paths: ArtifactPaths, cache: DvcCache) -> RunRows:
    """Return the test rows of a run with the answers of its model.

    Parameters
    ----------
    store : TrackingStore
    run
        MLflow's run.
    paths : ArtifactPaths
        The workspace that may hold the rows.
    cache : DvcCache
        The cache that may hold them.

    Raises
    ------
    BadInputError
        The rows cannot be had, with the reason.
    """
    digest = output_digest(run, ArtifactPaths().predictions)
    if digest and paths.predictions.is_dir() and dvc_digest(paths.predictions) == digest:
        return RunRows(_read(paths.predictions / TEST_FILE), WORKSPACE)
    cached = cache.file_in(digest, TEST_FILE) if digest else None
    if cached is not None:
        return RunRows(_read(cached), CACHE)
    return RunRows(_scored_again(store, run, paths, cache), SCORED_AGAIN)


def output_digest(run: Any, path: Path) -> str | None:
    """Return the digest of an output (a path from the root of the workspace) that a run is tagged with."""
    found = run.data.tags.get(tags.OUTPUT + path.as_posix())
    return str(found) if found else None


def _read(path: Path) -> AnsweredRows:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no table of predictions. Run `dvc repro`.") from error
    return from_predictions(frame)


def _scored_again(store: TrackingStore, run: Any, paths: ArtifactPaths, cache: DvcCache) -> AnsweredRows:
    location = registry.model_location(store, run.data.tags[tags.MODEL])
    with _folder_of_test_rows(run, paths, cache) as folder:
        split = read_split(folder, "test")
    bundle, _ = read_stored_bundle(store, location, f"run {run.info.run_id}", "Restore them, or reproduce the run.")
    answers = bundle.answers(split.inputs(bundle.info.columns))
    return from_split(split, answers.scores, answers.decisions)


@contextmanager
def _folder_of_test_rows(run: Any, paths: ArtifactPaths, cache: DvcCache) -> Iterator[Path]:
    """Yield a folder with the test rows that the run is tagged with; a cached file has no name of its own."""
    digest = run.data.tags.get(tags.DATA, "")
    if (paths.processed / TEST_FILE).exists() and dvc_digest(paths.processed) == digest:
        yield paths.processed
        return
    cached = cache.file_in(digest, TEST_FILE)
    if cached is None:
        raise BadInputError(
            "neither the workspace nor DVC's cache holds the predictions or the test rows that the run is tagged with. "
            + MENDING
        )
    with tempfile.TemporaryDirectory(prefix="fairmind-rows-") as folder:
        (Path(folder) / TEST_FILE).symlink_to(cached.resolve())
        yield Path(folder)
