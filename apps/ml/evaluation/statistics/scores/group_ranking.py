"""How well scores rank within each group: areas under and between the ROC curves, from a score table.

Definitions
-----------
- *ROC AUC of a group*: probability that a row of the group with the positive event scores above one without it, ties
  counting half.
- *ROC AUC difference*: largest minus smallest over the groups.
- *ABROCA* of two groups: area between their ROC curves, ∫ |true positive rate of one − of the other| over the false
  positive rate; how differently scores rank, at whatever threshold. Over several groups the largest over all pairs. It
  is at least the difference of the two areas, and equal to it where the curves do not cross.

Intervals of areas are those of :mod:`apps.ml.evaluation.statistics.scores.ranking`, with DeLong's variance from the
counts; differences are squares-and-adds of them. All are widened by what rows within one step may hide, and `method`
states it (:mod:`apps.ml.evaluation.statistics.scores.group_areas`).
:mod:`apps.ml.evaluation.statistics.scores.roc_curves` has the interval of ABROCA.

References
----------
DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves, Biometrics 44.
Gardner, Brooks and Baker (2019), Evaluating the fairness of predictive student models through slicing analysis, LAK.
Further: :mod:`apps.ml.evaluation.statistics.scores.ranking` and
:mod:`apps.ml.evaluation.statistics.shares.pairwise_gaps`.
"""

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.group_areas import (
    area_bounds,
    group_areas,
    stated_resolution,
    why_not_comparable,
    with_both_classes,
)
from apps.ml.evaluation.statistics.scores.ranking import ONE_CLASS
from apps.ml.evaluation.statistics.scores.roc_curves import curve_deviations, pair_area_bounds, pair_areas, turned_curve
from apps.ml.evaluation.statistics.shares.intervals import Interval
from apps.ml.evaluation.statistics.shares.pairwise_gaps import Positions, largest_estimate_gap, square_and_add

Numbers = npt.NDArray[np.float64]

DELONG = "DeLong from counts, on the logit scale, Welch's degrees of freedom"
FALLBACK = "Hanley-McNeil score interval (DeLong's variance is unusable)"


def roc_auc_by_group(table: ScoreTable, confidence: float) -> dict[str, Measurement]:
    """Measure the area under the ROC curve of every group.

    Parameters
    ----------
    table : ScoreTable
    confidence : float in (0, 1), of each interval

    Returns
    -------
    dict[str, Measurement]
        By group; undefined where a group's rows are all of one class.
    """
    sizes = table.rows.sum(axis=(1, 2))
    found = {name: undefined(ONE_CLASS, n=int(n)) for name, n in zip(table.groups, sizes, strict=True)}
    both = table.select(with_both_classes(table))
    areas = group_areas(both)
    bounds = area_bounds(areas, confidence)
    for at, name in enumerate(both.groups):
        found[name] = Measurement(
            float(areas.value[at]),
            found[name].n,
            max(0.0, float(bounds.lower[at] - areas.resolution[at])),
            min(1.0, float(bounds.upper[at] + areas.resolution[at])),
            confidence,
            stated_resolution(DELONG if areas.regular[at] else FALLBACK, table.bins, float(areas.resolution[at])),
        )
    return found


def roc_auc_difference(table: ScoreTable, confidence: float) -> Measurement:
    """Measure the largest minus the smallest area under the ROC curve over all groups of the table.

    Parameters
    ----------
    table : ScoreTable of the judged groups alone
    confidence : float in (0, 1), of the whole interval

    Returns
    -------
    Measurement
        Names the groups with the `lowest` and the `highest` area. Undefined for fewer than two groups, and where a
        group lacks a class: leaving that group out would hide it.
    """
    n = int(table.rows.sum())
    reason = why_not_comparable(table)
    if reason:
        return undefined(reason, n=n)
    areas = group_areas(table)

    def bounds(first: Positions, second: Positions, level: float) -> Interval:
        pairs = square_and_add(areas.value, area_bounds(areas, level), first, second)
        slack = areas.resolution[first] + areas.resolution[second]
        return Interval(pairs.lower - slack, pairs.upper + slack)

    gap = largest_estimate_gap(areas.value, bounds, confidence, highest=1.0)
    pairs = len(table.groups) * (len(table.groups) - 1) // 2
    method = "pairwise square-and-add of DeLong intervals" + (
        f", lower bound Bonferroni over {pairs} pairs" if pairs > 1 else ""
    )
    finest = float(np.sort(areas.resolution)[-2:].sum())
    return Measurement(
        gap.value,
        n,
        gap.lower,
        gap.upper,
        confidence,
        stated_resolution(method, table.bins, finest),
        lowest=table.groups[gap.lowest],
        highest=table.groups[gap.highest],
    )


def abroca(table: ScoreTable, confidence: float, replicates: int, seed: int) -> Measurement:
    """Measure the largest area between the ROC curves of any two groups; 0 where scores rank alike in all of them.

    Parameters
    ----------
    table : ScoreTable of the judged groups alone
    confidence : float in (0, 1), of the whole interval
    replicates, seed : int, draws for the lower bound; at most :data:`.NOISE_DRAWS` are used

    Returns
    -------
    Measurement
        In [0, 1]; names the two groups, that with the smaller area under its curve as `lowest`. Undefined for fewer
        than two groups, and where a group lacks a class.
    """
    n = int(table.rows.sum())
    reason = why_not_comparable(table)
    if reason:
        return undefined(reason, n=n)
    pairs = pair_areas([turned_curve(rows) for rows in table.rows])
    areas = group_areas(table)
    bounds = pair_area_bounds(pairs, areas, curve_deviations(table, replicates, seed), confidence)
    worst = int(np.where(pairs.slack == 0, pairs.value, -1.0).argmax())
    value = float(pairs.value[worst])
    named = sorted((int(pairs.first[worst]), int(pairs.second[worst])), key=lambda at: float(areas.value[at]))
    method = "triangle inequality, DeLong's variance and the mean noise of the curves" + (
        f", lower bound Bonferroni over {len(pairs.value)} pairs" if len(pairs.value) > 1 else ""
    )
    return Measurement(
        value,
        n,
        min(max(0.0, float(bounds.lower.max())), value),
        max(min(1.0, float(bounds.upper.max())), value),
        confidence,
        stated_resolution(method, table.bins, float(np.sort(areas.resolution)[-2:].sum())),
        lowest=table.groups[named[0]],
        highest=table.groups[named[1]],
    )
