"""What is compared between two models: each measure with its direction and its paired difference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from apps.ml.evaluation.gates.changes import (
    RATE_OF_GAP,
    PairedRows,
    balanced_accuracy_change,
    count_pairs,
    rate_change,
)
from apps.ml.evaluation.model_comparison.losses import (
    Numbers,
    absolute_errors,
    log_losses,
    mean_difference,
    squared_errors,
)
from apps.ml.evaluation.model_comparison.rows import Pair
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.paired import paired_auc_difference, paired_gap_change
from apps.ml.evaluation.statistics.shares.rates import RATES, Favourable
from apps.ml.parameters import PAIRED_GAPS

Better = Literal["higher", "lower"]
Difference = Callable[[float], Measurement]
"""From a confidence to other − baseline with its interval."""

DRAWS_PER_TAIL = 5
"""Draws that lie beyond each bound of an interval from draws, at least; more confidence needs more draws."""

MOST_DRAWS = 50_000

Loss = Callable[[Numbers, Numbers], Numbers]
"""From labels and scores, both float64 [n], to the loss of each row."""

OF_PROBABILITIES: Mapping[str, Loss] = {"log_loss": log_losses, "brier_score": squared_errors}
OF_NUMBERS: Mapping[str, Loss] = {"mean_absolute_error": absolute_errors, "mean_squared_error": squared_errors}


@dataclass(frozen=True)
class Rules:
    """How differences are measured: which decision is good for the person, least rows of a judged group, draws, seed.

    Taken from what the baseline's evaluation used, so that its groups are judged as in its own report.
    """

    favourable: Favourable = "positive"
    minimum_group_size: int = 30
    replicates: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Measure:
    """One measure of a pair: `path` as in the metric files, which direction is good, and how the difference is had."""

    path: str
    better: Better
    difference: Difference


def measures_of(pair: Pair, rules: Rules) -> tuple[Measure, ...]:
    """Return what can be compared: of classifiers ranking, decisions, probabilities and gaps; of regressions errors."""
    if pair.new_decisions is None or pair.old_decisions is None:
        return _of_losses(pair, OF_NUMBERS)
    rows = PairedRows(
        labels=pair.labels.astype(np.int8),
        new_scores=pair.new_scores,
        old_scores=pair.old_scores,
        new_decisions=pair.new_decisions,
        old_decisions=pair.old_decisions,
        groups=pair.groups,
    )
    return (*_of_ranking_and_decisions(rows), *_of_losses(pair, OF_PROBABILITIES), *_of_gaps(rows, rules))


def _of_ranking_and_decisions(rows: PairedRows) -> tuple[Measure, ...]:
    cells = 4 * rows.labels.astype(np.int64) + 2 * rows.new_decisions + rows.old_decisions
    block = np.bincount(cells, minlength=8).reshape(2, 2, 2).astype(np.int64)
    differences: Mapping[str, Difference] = {
        "roc_auc": partial(paired_auc_difference, rows.labels, rows.new_scores, rows.old_scores),
        "accuracy": partial(rate_change, block, RATES["accuracy"]),
        "balanced_accuracy": partial(balanced_accuracy_change, block),
    }
    return tuple(Measure(f"performance.{name}", "higher", found) for name, found in differences.items())


def _of_losses(pair: Pair, losses: Mapping[str, Loss]) -> tuple[Measure, ...]:
    return tuple(
        Measure(
            f"performance.{name}",
            "lower",
            partial(mean_difference, loss(pair.labels, pair.new_scores), loss(pair.labels, pair.old_scores)),
        )
        for name, loss in losses.items()
    )


def _of_gaps(rows: PairedRows, rules: Rules) -> tuple[Measure, ...]:
    return tuple(
        Measure(f"fairness.{attribute}.{gap}", "lower", _gap_change(rows, str(attribute), gap, rules))
        for attribute in rows.groups.columns
        for gap in PAIRED_GAPS
    )


def _gap_change(rows: PairedRows, attribute: str, gap: str, rules: Rules) -> Difference:
    pairs = count_pairs(rows, attribute, rules.minimum_group_size)
    counts = pairs.counts[pairs.judged]

    def change(confidence: float) -> Measurement:
        if len(counts) < 2:
            return undefined("a comparison needs at least two judged groups", n=int(counts.sum()))
        draws = max(rules.replicates, min(MOST_DRAWS, round(2 * DRAWS_PER_TAIL / (1 - confidence))))
        return paired_gap_change(counts, RATE_OF_GAP[gap], rules.favourable, confidence, draws, rules.seed)

    return change
