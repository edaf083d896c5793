"""Finding complete runs: by fingerprint, by id, by the name of a DVC experiment."""

import time
from collections.abc import Sequence
from typing import Any

from apps.ml.errors import RegistryError
from apps.ml.experiments import tags
from apps.ml.experiments.tracking import TrackingStore
from apps.ml.validation_errors import nearest_name

COMPLETE = f"tags.`{tags.COMPLETE}` = 'true' and attributes.status = 'FINISHED'"
MOST_RUNS = 1000
PRESUMED_DEAD_AFTER_SECONDS = 3600.0
"""On a server, another machine may be writing a run of the same fingerprint; one this old is taken for dead."""


def complete_run(store: TrackingStore, experiment_id: str, fingerprint: str) -> Any | None:
    """Return the complete run of a fingerprint, the oldest if there are several, or None."""
    found = store.client.search_runs(
        [experiment_id],
        f"tags.`{tags.FINGERPRINT}` = '{fingerprint}' and {COMPLETE}",
        max_results=1,
        order_by=["attributes.start_time ASC"],
    )
    return found[0] if found else None


def discard_incomplete_runs(store: TrackingStore, experiment_id: str, fingerprint: str) -> None:
    """Delete (as MLflow does: restorably) the runs of a fingerprint that ended half-way, and their models.

    The caller holds the lock of this machine, so that in a local store nobody else is writing.
    """
    for run in store.client.search_runs([experiment_id], f"tags.`{tags.FINGERPRINT}` = '{fingerprint}'"):
        age_seconds = time.time() - run.info.start_time / 1000
        alive = store.is_server and run.info.status == "RUNNING" and age_seconds < PRESUMED_DEAD_AFTER_SECONDS
        if not alive:
            _delete_with_models(store, experiment_id, run.info.run_id)


def _delete_with_models(store: TrackingStore, experiment_id: str, run_id: str) -> None:
    """Delete a run and the models it logged, which MLflow would go on listing by themselves."""
    for model in store.client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'"):
        store.client.delete_logged_model(model.model_id)
    store.client.delete_run(run_id)


def latest_runs(store: TrackingStore, dataset: str | None = None, most: int = MOST_RUNS) -> list[Any]:
    """Return complete runs, the newest first; of one data set, or of all."""
    ids = _experiment_ids(store, dataset)
    if not ids:
        return []
    found = store.client.search_runs(ids, COMPLETE, max_results=most, order_by=["attributes.start_time DESC"])
    return list(found)


def find_run(store: TrackingStore, reference: str) -> Any:
    """Return the complete run that `reference` means: a run's id or its beginning, or a DVC experiment's name.

    Raises
    ------
    RegistryError
        There is no such run, or the beginning of an id fits several.
    """
    runs = latest_runs(store)
    by_experiment = [run for run in runs if tags.EXPERIMENT + reference in run.data.tags]
    by_id = [run for run in runs if run.info.run_id.startswith(reference)]
    if by_experiment:
        return by_experiment[0]
    if len(by_id) > 1 and len(reference) < len(by_id[0].info.run_id):
        raise RegistryError(f"'{reference}' is the beginning of {len(by_id)} runs. Give more of the id.")
    if not by_id:
        raise _unknown(reference, runs)
    return by_id[0]


def experiment_names(run: Any) -> list[str]:
    """Return the names of the DVC experiments that arrived at a run, the first one first."""
    names = sorted(name.removeprefix(tags.EXPERIMENT) for name in run.data.tags if name.startswith(tags.EXPERIMENT))
    first = run.data.tags.get(tags.FIRST_EXPERIMENT)
    return sorted(names, key=lambda name: name != first)


def undefined_metrics(run: Any) -> dict[str, str]:
    """Return name → reason of what was measured as undefined."""
    lines = run.data.tags.get(tags.UNDEFINED, "").splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def _experiment_ids(store: TrackingStore, dataset: str | None) -> list[str]:
    if dataset is None:
        return [str(experiment.experiment_id) for experiment in store.client.search_experiments()]
    found = store.client.get_experiment_by_name(dataset)
    return [str(found.experiment_id)] if found is not None else []


def _unknown(reference: str, runs: Sequence[Any]) -> RegistryError:
    names = [name for run in runs for name in experiment_names(run)]
    hint = nearest_name(reference, names)
    end = hint if hint.endswith("?") else "."
    return RegistryError(f"There is no run or experiment '{reference}'{end} `fairmind runs list` shows what there is.")
