"""What a candidate changes for the same people: every measurement is candidate minus champion, on the same rows.

Both models answer the same rows, so their errors are correlated; a paired comparison takes that into account and is
much sharper than comparing two intervals. The result has the shape of the metric files, so that a gate's path leads to
the change of what it leads to there: `performance.roc_auc` is the difference of two areas,
`fairness.<attribute>.demographic_parity_difference` the change of the largest gap, and
`fairness.<attribute>.groups.<group>.favourable_rate` the change of a rate.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.fairness.comparisons import COMPARED_RATES
from apps.ml.evaluation.statistics.counting.counts import group_codes
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.paired import (
    paired_auc_difference,
    paired_gap_change,
    paired_share_difference,
)
from apps.ml.evaluation.statistics.shares.rates import RATES, Favourable, Rate, rate_named
from apps.ml.parameters import PAIRED_GAPS, PAIRED_RATES, ModelEvaluation

Decisions = npt.NDArray[np.int8]
Scores = npt.NDArray[np.float64]
Cells = npt.NDArray[np.int64]

RATE_OF_GAP = {f"{name}_difference": rates[0] for name, rates in COMPARED_RATES.items() if len(rates) == 1}
"""Gap → the one rate it is a gap in."""


@dataclass(frozen=True)
class PairedRows:
    """Rows that two models answered, all parts aligned by position.

    `labels`, `new_decisions`, `old_decisions`: int8 [n] of 0 and 1; `new_scores`, `old_scores`: float64 [n]; `groups`:
    data frame [n, attributes] of group names. New is the candidate, old the champion.
    """

    labels: Decisions
    new_scores: Scores
    old_scores: Scores
    new_decisions: Decisions
    old_decisions: Decisions
    groups: pd.DataFrame


@dataclass(frozen=True)
class PairedCounts:
    """Rows of one attribute by group, label, new decision and old decision; int64 [g, 2, 2, 2].

    `judged`: which groups are known and have enough rows, bool [g].
    """

    groups: tuple[str, ...]
    counts: Cells
    judged: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Changes:
    """The changes as JSON-ready content in the shape of the metric files."""

    metrics: dict[str, Any]
    confidence: float


def count_pairs(rows: PairedRows, attribute: str, minimum_group_size: int) -> PairedCounts:
    """Count one attribute's rows by group, label and both decisions."""
    names, codes = group_codes(rows.groups[attribute])
    cells = 4 * rows.labels.astype(np.int64) + 2 * rows.new_decisions + rows.old_decisions
    counts = np.bincount(codes * 8 + cells, minlength=8 * len(names)).reshape(len(names), 2, 2, 2).astype(np.int64)
    sizes = counts.sum(axis=(1, 2, 3))
    known = np.array([not is_unknown_group(name) for name in names], dtype=bool)
    return PairedCounts(names, counts, known & (sizes >= minimum_group_size))


def measure_changes(
    rows: PairedRows, favourable: Favourable, parameters: ModelEvaluation, confidence: float
) -> Changes:
    """Measure every change at one confidence.

    Parameters
    ----------
    rows : PairedRows
    favourable : which decision is good for the person
    parameters : ModelEvaluation
        `minimum_group_size`, and `bootstrap_replicates` and `seed` for the change of a gap.
    confidence : float in (0, 1), of each interval

    Returns
    -------
    Changes
        `performance` and, per attribute, the gaps and `groups`.
    """
    attributes = {str(name): count_pairs(rows, name, parameters.minimum_group_size) for name in rows.groups.columns}
    fairness = {name: _attribute(pairs, favourable, parameters, confidence) for name, pairs in attributes.items()}
    return Changes({"performance": _performance(rows, confidence), "fairness": fairness}, confidence)


def rate_change(cells: Cells, rate: Rate, confidence: float) -> Measurement:
    """Measure the change of a rate, new − old, from counts [label, new decision, old decision].

    The rate is a share of the same rows whatever is decided; undefined where there are none.
    """
    among = rate.denominator[:, :, None] * rate.denominator[:, None, :]
    new, old = rate.numerator[:, :, None], rate.numerator[:, None, :]
    both, only_new, only_old, neither = (
        int((cells * among * hit).sum()) for hit in (new * old, new * (1 - old), (1 - new) * old, (1 - new) * (1 - old))
    )
    if not both + only_new + only_old + neither:
        return undefined(rate.nobody)
    return paired_share_difference(both, only_new, only_old, neither, confidence)


def balanced_accuracy_change(block: Cells, confidence: float) -> Measurement:
    """Measure the change of balanced accuracy from counts [label, new decision, old decision]; in [−1, 1].

    Half the sum of the changes of both classes' rates, which are about different rows and so independent (MOVER).
    Undefined where a class has no rows.
    """
    parts = [rate_change(block, RATES[name], confidence) for name in ("true_positive_rate", "true_negative_rate")]
    n, values = int(block.sum()), [part.value for part in parts if part.value is not None]
    if len(values) < 2:
        return undefined("balanced accuracy needs rows of both classes", n=n)
    value = sum(values) / 2
    below, above = (
        math.hypot(*(part.value - bound for part, bound in _bounds(parts, end) if part.value is not None)) / 2
        for end in ("lower", "upper")
    )
    method = "square and add (MOVER) of the paired intervals of both classes' rates"
    return Measurement(value, n, value - below, value + above, confidence, method)


def _performance(rows: PairedRows, confidence: float) -> dict[str, Any]:
    cells = 4 * rows.labels.astype(np.int64) + 2 * rows.new_decisions + rows.old_decisions
    block = np.bincount(cells, minlength=8).reshape(2, 2, 2).astype(np.int64)
    changes = {
        "roc_auc": paired_auc_difference(rows.labels, rows.new_scores, rows.old_scores, confidence),
        "accuracy": rate_change(block, RATES["accuracy"], confidence),
        "balanced_accuracy": balanced_accuracy_change(block, confidence),
        "recall": rate_change(block, RATES["true_positive_rate"], confidence),
    }
    return {name: change.to_dict() for name, change in changes.items()}


def _bounds(parts: list[Measurement], end: str) -> list[tuple[Measurement, float]]:
    return [(part, float(getattr(part, end))) for part in parts]


def _attribute(
    pairs: PairedCounts, favourable: Favourable, parameters: ModelEvaluation, confidence: float
) -> dict[str, Any]:
    counts = pairs.counts[pairs.judged]
    gaps = {
        name: _gap_change(counts, rate_named(RATE_OF_GAP[name], favourable), favourable, parameters, confidence)
        for name in PAIRED_GAPS
    }
    groups = {
        group: {"n": int(cells.sum()), "judged": bool(judged)}
        | {name: rate_change(cells, rate_named(name, favourable), confidence).to_dict() for name in PAIRED_RATES}
        for group, cells, judged in zip(pairs.groups, pairs.counts, pairs.judged, strict=True)
    }
    return {**{name: gap.to_dict() for name, gap in gaps.items()}, "groups": groups}


def _gap_change(
    counts: Cells, rate: Rate, favourable: Favourable, parameters: ModelEvaluation, confidence: float
) -> Measurement:
    if len(counts) < 2:
        return undefined("a comparison needs at least two judged groups", n=int(counts.sum()))
    replicates, seed = parameters.bootstrap_replicates, parameters.seed
    return paired_gap_change(counts, rate, favourable, confidence, replicates, seed)
