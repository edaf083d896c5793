"""A run beside its reproduction: digests, metrics, predictions row by row, environment, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from apps.ml.evaluation.model_comparison.rows import AnsweredRows
from apps.ml.experiments import tags
from apps.ml.experiments.costs import OF_THIS_MACHINE
from apps.ml.experiments.runs import undefined_metrics

Verdict = Literal["identical", "equal within tolerance", "different"]
TOLERANCE = 1e-6
"""Usual tolerance, of each score and metric, relative to the larger of 1 and its size: other processors and library
builds differ by about 1e-12, and a score that changes a decision changes metrics by far more."""


@dataclass(frozen=True)
class Differences:
    """What was compared.

    `outputs`: path → both digests. `metrics`: those that differ → both values (None: it has none); `compared`: how many
    there are; `largest_metric`: the largest difference, relative to the larger of 1 and the value. `predictions`: see
    :func:`compare_rows`, or `undefined` with the reason. `environment`: what differs → both versions.
    """

    outputs: Mapping[str, tuple[str | None, str | None]]
    metrics: Mapping[str, tuple[float | None, float | None]]
    compared: int
    largest_metric: float
    undefined_differ: tuple[str, ...]
    predictions: Mapping[str, Any]
    environment: Mapping[str, tuple[str | None, str | None]]

    def verdict(self, tolerance: float) -> tuple[Verdict, list[str]]:
        """Return the verdict and, unless it is `identical`, its reasons in words."""
        files = [path for path, (old, new) in self.outputs.items() if old != new]
        if not (files or self.metrics or self.undefined_differ) and self.outputs:
            return "identical", []
        beyond = self._beyond(tolerance)
        told = [f"other bytes: {', '.join(files)}"] if files else []
        return ("different", told + beyond) if beyond else ("equal within tolerance", told)

    def to_dict(self, tolerance: float) -> dict[str, Any]:
        """JSON-ready form with verdict and reasons."""
        verdict, reasons = self.verdict(tolerance)
        return {
            "verdict": verdict,
            "reasons": reasons,
            "tolerance": tolerance,
            "outputs": {
                path: _both(*digests) | {"same": digests[0] == digests[1]} for path, digests in self.outputs.items()
            },
            "metrics": {
                "compared": self.compared,
                "largest_difference": self.largest_metric,
                "differing": {name: _both(*values) for name, values in self.metrics.items()},
                "undefined_differ": list(self.undefined_differ),
            },
            "predictions": dict(self.predictions),
            "environment": {name: _both(*found) for name, found in self.environment.items()},
        }

    def _beyond(self, tolerance: float) -> list[str]:
        """Say what no tolerance of numbers excuses."""
        missing = sorted(name for name, values in self.metrics.items() if None in values)
        found = [
            ("no output was recorded", not self.outputs),
            (f"metrics that only one of them has: {', '.join(missing)}", bool(missing)),
            (f"other metrics are undefined: {', '.join(self.undefined_differ)}", bool(self.undefined_differ)),
            (f"a metric differs by {self.largest_metric:.3g}", self.largest_metric > tolerance),
        ]
        return [reason for reason, holds in found if holds] + self._beyond_in_rows(tolerance)

    def _beyond_in_rows(self, tolerance: float) -> list[str]:
        rows = self.predictions
        if "undefined" in rows:
            return [f"predictions cannot be compared row by row: {rows['undefined']}"]
        found = [
            (f"{rows['rows_of_one']:,} rows were answered by only one of them", rows["rows_of_one"]),
            (f"{rows['labels_differ']:,} rows have another label", rows["labels_differ"]),
            (f"{rows['decisions_differ']:,} rows have another decision", rows["decisions_differ"]),
            (f"a score differs by {rows['largest_difference']:.3g}", rows["largest_difference"] > tolerance),
        ]
        return [reason for reason, holds in found if holds]


def compare_runs(original: Any, reproduced: Any, rows: tuple[AnsweredRows | str, AnsweredRows]) -> Differences:
    """Compare two MLflow runs and their answered rows (`str`: why the original's cannot be had)."""
    old, new = (_own_metrics(run) for run in (original, reproduced))
    names = sorted({*old, *new})
    differing = {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
    undefined = [undefined_metrics(run) for run in (original, reproduced)]
    without = {name for name in set(undefined[0]) ^ set(undefined[1]) if name not in OF_THIS_MACHINE}
    known, made = rows
    return Differences(
        outputs=_by_tag(original, reproduced, tags.OUTPUT),
        metrics=differing,
        compared=len(names),
        largest_metric=max((_relative(*values) for values in differing.values() if None not in values), default=0.0),
        undefined_differ=tuple(sorted(without)),
        predictions={"undefined": known} if isinstance(known, str) else compare_rows(known, made),
        environment={
            name: found
            for name, found in _by_tag(original, reproduced, tags.ENVIRONMENT).items()
            if found[0] != found[1]
        },
    )


def compare_rows(original: AnsweredRows, reproduced: AnsweredRows) -> dict[str, Any]:
    """Compare answers row by row, matched by their number in the source.

    Returns
    -------
    dict
        `rows` that both answered, `rows_of_one`, `labels_differ`, `scores_differ`, `decisions_differ` (counts), and
        `largest_difference` of a score, relative to the larger of 1 and the score.
    """
    common, at_old, at_new = np.intersect1d(original.rows, reproduced.rows, assume_unique=True, return_indices=True)
    old, new = original.scores[at_old], reproduced.scores[at_new]
    apart = np.abs(old - new) / np.maximum(1.0, np.maximum(np.abs(old), np.abs(new)))
    decisions = [found[at] if found is not None else np.zeros(len(common)) for found, at in (
        (original.decisions, at_old), (reproduced.decisions, at_new))]  # fmt: skip
    return {
        "rows": len(common),
        "rows_of_one": len(original.rows) + len(reproduced.rows) - 2 * len(common),
        "labels_differ": int((original.labels[at_old] != reproduced.labels[at_new]).sum()),
        "scores_differ": int((old != new).sum()),
        "decisions_differ": int((decisions[0] != decisions[1]).sum()),
        "largest_difference": float(apart.max(initial=0.0)),
    }


def _own_metrics(run: Any) -> dict[str, float]:
    return {name: value for name, value in run.data.metrics.items() if name not in OF_THIS_MACHINE}


def _by_tag(original: Any, reproduced: Any, prefix: str) -> dict[str, tuple[str | None, str | None]]:
    old, new = original.data.tags, reproduced.data.tags
    names = sorted(name for name in {*old, *new} if name.startswith(prefix))
    return {name.removeprefix(prefix): (old.get(name), new.get(name)) for name in names}


def _relative(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        return float("inf")
    return abs(one - other) / max(1.0, abs(one), abs(other))


def _both(original: Any, reproduced: Any) -> dict[str, Any]:
    return {"original": original, "reproduced": reproduced}
