"""Runs side by side: the parameters that differ, the measurements with their intervals, what differs beyond noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.evaluation.model_comparison.front import Axis
from apps.ml.evaluation.model_comparison.measures import Better
from apps.ml.experiments import registry, tags
from apps.ml.experiments.costs import SCORE_SECONDS, scoring_seconds
from apps.ml.experiments.paired_comparison import PairedRuns, confidence_of
from apps.ml.experiments.references import find_any_run
from apps.ml.experiments.runs import experiment_names, latest_runs, undefined_metrics
from apps.ml.experiments.stored_bundle import stored_bundle_folder
from apps.ml.experiments.tracking import TrackingStore
from apps.ml.models.bundle import read_bundle
from apps.ml.models.golden_rows import read_golden
from apps.ml.validation_errors import nearest_name

LOWER, UPPER = "_lower", "_upper"
PERFORMANCE, REGRESSION_ERROR = "performance.roc_auc", "performance.mean_absolute_error"
UNFAIRNESS = ("demographic_parity_difference", "mean_prediction_difference")
HIGHER_IS_BETTER = (
    "roc_auc",
    "pr_auc",
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "r_squared",
    "_ratio",
)
"""How the names of metrics end of which more is better; of all others less is."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a comparison.

    `references`: runs, experiments or versions; empty: the `last` runs of `dataset`. `baseline`: one of them, None: the
    first. `performance`, `unfairness`: metrics of the front, None: the usual ones. `confidence`: None: the baseline's.
    """

    references: Sequence[str] = ()
    dataset: str | None = None
    last: int = 5
    baseline: str | None = None
    performance: str | None = None
    unfairness: str | None = None
    confidence: float | None = None
    measure_speed: bool = False


def compare_runs(store: TrackingStore, asked: Asked, paths: ArtifactPaths | None = None) -> dict[str, Any]:
    """Compare runs; the result is ready for JSON and all that pictures and page are drawn from.

    Parameters
    ----------
    store : TrackingStore
    asked : Asked
    paths : ArtifactPaths
        The workspace in which rows are looked for; None: the current directory.

    Returns
    -------
    dict
        `runs` (the baseline marked by `baseline`, its place), `differing_parameters`, `confidence`, `paired` (one entry
        per other run), `front` (None where nothing has both metrics).

    Raises
    ------
    RegistryError
        A reference means no run.
    BadInputError
        No run has the metric that is asked for.
    """
    found = _found(store, asked)
    if not found:
        return {"runs": [], "differing_parameters": {}, "baseline": None, "paired": [], "front": None}
    baseline = _place_of_baseline(store, found, asked)
    runs = [run for run, _ in found]
    content = compared([described_run(run, name) for run, name in found], runs)
    for entry, (_, name) in zip(content["runs"], found, strict=True):
        entry["label"] = name or entry["experiment"] or entry["name"]
    if asked.measure_speed:
        _measure_speed(store, content["runs"], runs)
    paired = PairedRuns(
        store, runs, baseline, paths or ArtifactPaths(), asked.confidence or confidence_of(runs[baseline])
    )
    axes = _front_axes(content["runs"], asked)
    return {
        **content,
        "baseline": baseline,
        "confidence": paired.confidence,
        "paired": paired.differences(),
        "front": paired.front(content["runs"], *axes) if axes else None,
    }


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


def better_direction(name: str) -> Better:
    """Return which direction of a run's metric is good."""
    return "higher" if name.endswith(HIGHER_IS_BETTER) else "lower"


def _found(store: TrackingStore, asked: Asked) -> list[tuple[Any, str | None]]:
    if asked.references:
        return [(find_any_run(store, reference), reference) for reference in asked.references]
    return [(run, None) for run in latest_runs(store, asked.dataset, asked.last)]


def _place_of_baseline(store: TrackingStore, found: list[tuple[Any, str | None]], asked: Asked) -> int:
    """Return the place of the baseline; one that was not named among the runs joins them in front."""
    if asked.baseline is None:
        return 0
    run = find_any_run(store, asked.baseline)
    names = [name for _, name in found]
    if asked.baseline in names:
        return names.index(asked.baseline)
    ids = [each.info.run_id for each, _ in found]
    if run.info.run_id in ids:
        return ids.index(run.info.run_id)
    found.insert(0, (run, asked.baseline))
    return 0


def _front_axes(entries: Sequence[Mapping[str, Any]], asked: Asked) -> tuple[Axis, Axis] | None:
    """Return the metrics of the front; None where none is asked for and no run has the usual ones."""
    names = list(dict.fromkeys(name for entry in entries for name in entry["metrics"]))
    usual = next((name for name in (PERFORMANCE, REGRESSION_ERROR) if name in names), None)
    gap = next((name for name in names if name.startswith("fairness.") and name.endswith(UNFAIRNESS)), None)
    performance = _metric(names, asked.performance) or usual
    unfairness = _metric(names, asked.unfairness) or gap
    if performance is None or unfairness is None:
        return None
    return Axis(performance, better_direction(performance)), Axis(unfairness, better_direction(unfairness))


def _metric(names: Sequence[str], asked: str | None) -> str | None:
    if asked is not None and asked not in names:
        hint = nearest_name(asked, list(names))
        end = hint if hint.endswith("?") else "."
        raise BadInputError(f"No run has the metric '{asked}'{end} `fairmind runs compare --all` shows their names.")
    return asked


def _measure_speed(store: TrackingStore, entries: Sequence[dict[str, Any]], runs: Sequence[Any]) -> None:
    """Add the seconds to answer 1,000 rows to the metrics; golden rows, repeated, are the rows."""
    bundles = {}
    for run in runs:
        location = registry.model_location(store, run.data.tags[tags.MODEL])
        whose = f"run {run.info.run_id}"
        with stored_bundle_folder(store, location, whose, "Restore them, or leave out --measure-speed.") as folder:
            bundle = read_bundle(folder)
            bundles[run.info.run_id] = (bundle, read_golden(folder, bundle.info.columns).frame)
    seconds = scoring_seconds(bundles)
    for entry in entries:
        entry["metrics"][SCORE_SECONDS] = seconds[entry["run_id"]]
