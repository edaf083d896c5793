"""What a model costs: seconds to fit, bytes of its bundle, seconds to answer.

Times are no output of the pipeline: they would make its files differ from machine to machine. `model_training` leaves
them beside DVC's outputs, and they are believed only where they speak of the bundle that is published.
"""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.experiments.run_content import FlatMetrics
from apps.ml.files import read_json, sha256_of_file
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.bundle_files import MANIFEST_FILE

BUNDLE_BYTES, FIT_SECONDS, FIT_CPUS = "cost.bundle_bytes", "cost.fit_seconds", "cost.fit_cpu_count"
SCORE_SECONDS = "cost.score_1000_rows_seconds"
OF_THIS_MACHINE = (FIT_SECONDS, FIT_CPUS)
"""Costs that another machine, or another day, measures differently."""

NOT_FITTED_HERE = "the model was not fitted on this machine in this state of the workspace"
SPEED_ROWS = 1000
SPEED_REPEATS = 20
MEDIAN_RANKS, MEDIAN_CONFIDENCE = (5, 14), 0.9586
"""Places, from 0, of the order statistics of 20 draws that bound their median, and how surely (binomial)."""


def costs_of(paths: ArtifactPaths) -> FlatMetrics:
    """Return what is known about the cost of the bundle below `paths.root`, as metrics of its run."""
    size = sum(file.stat().st_size for file in paths.bundle.rglob("*") if file.is_file())
    duration = _duration(paths)
    if duration is None:
        return FlatMetrics({BUNDLE_BYTES: float(size)}, {FIT_SECONDS: NOT_FITTED_HERE})
    fitted = {FIT_SECONDS: float(duration["seconds"]), FIT_CPUS: float(duration["cpu_count"])}
    return FlatMetrics({BUNDLE_BYTES: float(size), **fitted}, {})


def together(*metrics: FlatMetrics) -> FlatMetrics:
    """Return several collections of metrics as one."""
    values = {name: value for one in metrics for name, value in one.values.items()}
    return FlatMetrics(values, {name: reason for one in metrics for name, reason in one.undefined.items()})


def scoring_seconds(bundles: Mapping[str, tuple[ModelBundle, pd.DataFrame]]) -> dict[str, dict[str, Any]]:
    """Measure how long each bundle takes to answer 1,000 rows, one after the other and over again.

    Taking turns spreads whatever else the machine does over all of them.

    Parameters
    ----------
    bundles : name → bundle and rows [at least 1, input columns], which are repeated to 1,000

    Returns
    -------
    dict
        name → median of 20 times in seconds, with the interval of the median that its order statistics give.
    """
    inputs = {name: _repeated(rows, SPEED_ROWS) for name, (_, rows) in bundles.items()}
    times: dict[str, list[float]] = {name: [] for name in bundles}
    for turn in range(SPEED_REPEATS + 1):
        for name, (bundle, _) in bundles.items():
            started = time.perf_counter()
            bundle.answers(inputs[name])
            if turn:  # the first turn warms up
                times[name].append(time.perf_counter() - started)
    return {name: _median(found) for name, found in times.items()}


def _duration(paths: ArtifactPaths) -> dict[str, Any] | None:
    path, manifest = paths.duration("model_training"), paths.bundle / MANIFEST_FILE
    if not (path.exists() and manifest.exists()):
        return None
    content: dict[str, Any] = read_json(path)
    return content if content.get("bundle_sha256") == sha256_of_file(manifest) else None


def _repeated(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    return rows.iloc[np.arange(most) % len(rows)].reset_index(drop=True)


def _median(seconds: Sequence[float]) -> dict[str, Any]:
    ordered = sorted(seconds)
    lower, upper = (ordered[rank] for rank in MEDIAN_RANKS)
    return {
        "value": float(np.median(ordered)),
        "lower": lower,
        "upper": upper,
        "confidence": MEDIAN_CONFIDENCE,
        "cpu_count": os.cpu_count(),
    }
