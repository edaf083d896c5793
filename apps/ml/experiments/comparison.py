"""Runs side by side: the parameters that differ, the measurements with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.ml.experiments import tags
from apps.ml.experiments.runs import experiment_names, undefined_metrics

LOWER, UPPER = "_lower", "_upper"


def described_run(run: Any, experiment: str | None = None) -> dict[str, Any]:
    """Return a run's facts, parameters and measurements; `experiment`: the name by which it was asked for."""
    names = experiment_names(run)
    return {
        "run_id": run.info.run_id,
        "name": run.info.run_name,
        "experiment": experiment if experiment in names else next(iter(names), None),
        "experiments": names,
        "dataset": run.data.tags.get(tags.DATASET),
        "verdict": run.data.tags.get(tags.VERDICT),
        "commit": run.data.tags.get(tags.COMMIT),
        "dirty": run.data.tags.get(tags.DIRTY) == "true",
        "fingerprint": run.data.tags.get(tags.FINGERPRINT),
        "evidence": run.data.tags.get(tags.EVIDENCE),
        "started": int(run.info.start_time),
        "parameters": dict(run.data.params),
        "metrics": dict(run.data.metrics),
    }


def compared(described: Sequence[Mapping[str, Any]], runs: Sequence[Any]) -> dict[str, Any]:
    """Return the runs with their measurements put together, and the parameters in which they differ.

    Parameters
    ----------
    described, runs
        The same runs in the same order: as :func:`described_run` returns them, and as MLflow does.
    """
    entries = [
        {**one, "metrics": measurements(one["metrics"], undefined_metrics(run))}
        for one, run in zip(described, runs, strict=True)
    ]
    return {"runs": entries, "differing_parameters": differing([one["parameters"] for one in described])}


def measurements(metrics: Mapping[str, float], undefined: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return name → value with `lower` and `upper` where there is an interval, or None with the reason."""
    values = {name: _measurement(name, metrics) for name in metrics if not _is_bound(name, metrics)}
    nothing = {name: {"value": None, "undefined": reason} for name, reason in undefined.items()}
    return dict(sorted({**values, **nothing}.items()))


def differing(parameters: Sequence[Mapping[str, str]]) -> dict[str, list[str | None]]:
    """Return parameter → its value in each run (None: it has none there), for those that are not all the same."""
    names = sorted({name for one in parameters for name in one})
    rows = {name: [one.get(name) for one in parameters] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _is_bound(name: str, metrics: Mapping[str, float]) -> bool:
    return any(name.endswith(end) and name.removesuffix(end) in metrics for end in (LOWER, UPPER))


def _measurement(name: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    bounds = {"lower": metrics.get(name + LOWER), "upper": metrics.get(name + UPPER)}
    return {"value": metrics[name]} | {end: value for end, value in bounds.items() if value is not None}
