"""From the name of a run to the verdict about its reproduction."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.evaluation.model_comparison.rows import AnsweredRows, from_predictions
from apps.ml.experiments.dvc_cache import open_cache
from apps.ml.experiments.reproduction.clone import cloned, prepare
from apps.ml.experiments.reproduction.differences import TOLERANCE, compare_runs
from apps.ml.experiments.reproduction.origin import Origin, find_origin
from apps.ml.experiments.reproduction.running import run_stages
from apps.ml.experiments.run_rows import TEST_FILE, rows_of_run
from apps.ml.experiments.runs import latest_runs
from apps.ml.experiments.tracking import TrackingStore, answering_store, store_at
from apps.ml.tracking_address import sqlite_address


def reproduce(
    reference: str,
    root: Path,
    tolerance: float = TOLERANCE,
    keep: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, number, stages: None,  # noqa: ARG005
) -> dict[str, Any]:
    """Make a run again in a clone of its own and compare what came out.

    Parameters
    ----------
    reference
        A run's id or its beginning, a DVC experiment's name, or a version as `name@alias` or `name/3`.
    root
        The repository.
    tolerance
        Largest difference of a score or metric, relative to the larger of 1 and its size, that still counts as equal.
    keep
        Where the clone stays; None: it is removed.
    progress
        See :func:`apps.ml.experiments.reproduction.running.run_stages`.

    Returns
    -------
    dict
        Ready for JSON: the origin, `warnings`, `stages`, and what
        :class:`apps.ml.experiments.reproduction.differences.Differences` holds, with `verdict` and `reasons`.

    Raises
    ------
    RegistryError
        The reference means no run.
    BadInputError
        The run's code is in no commit, the repository lacks the commit, or a stage failed.
    ServiceUnavailableError
        The store does not answer.
    """
    with answering_store() as store:
        origin = find_origin(store, reference, root)
        before = _original_rows(store, origin, root)
    with cloned(origin, root, keep) as folder:
        warnings = prepare(folder, origin)
        stages = run_stages(folder, root, progress)
        after = from_predictions(pd.read_parquet(ArtifactPaths(folder).predictions / TEST_FILE))
        found = compare_runs(origin.run, _published(folder), (before, after))
    return {
        "run_id": origin.run.info.run_id,
        "commit": origin.commit,
        "experiment": origin.experiment,
        "warnings": warnings,
        "stages": stages,
        "clone": str(keep.resolve()) if keep is not None else None,
        **found.to_dict(tolerance),
    }


def _original_rows(store: TrackingStore, origin: Origin, root: Path) -> AnsweredRows | str:
    """Return what the run answered, or why it cannot be had; before the stages run, so that nothing can change it."""
    try:
        return rows_of_run(store, origin.run, ArtifactPaths(root), open_cache(root)).answers
    except BadInputError as error:
        return str(error)


def _published(folder: Path) -> Any:
    """Return the run that the clone's last stage published into the clone's own store."""
    runs = latest_runs(store_at(sqlite_address(folder / "mlflow.db")))
    if len(runs) != 1:
        raise BadInputError(
            f"The clone's store holds {len(runs)} complete runs instead of 1. Look at it with --keep DIR."
        )
    return runs[0]
