"""Areas under the ROC curves of several groups with DeLong's variance, from the counts of a score table.

A score table knows the step of a score, not the score, so rows within one step count as ties. Rows whose scores are
equal are ties anyway; a step in which both classes have one and the same whole mean is taken to hold equal scores.
Every other pair within a step may be half a pair off: the area lies within half the share of such pairs (the
*resolution*) of the area of the scores themselves.

References
----------
DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves, Biometrics 44.
Further: :mod:`apps.ml.evaluation.statistics.scores.ranking`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.scores.ranking import ONE_CLASS, _hanley_mcneil_interval
from apps.ml.evaluation.statistics.shares.intervals import Interval

Numbers = npt.NDArray[np.float64]


class GroupAreas(NamedTuple):
    """Area under the ROC curve of several groups with both classes; arrays [g].

    `variance` is DeLong's, `freedom` Welch's degrees of freedom, `regular` whether both can be used. `resolution`: how
    far at most the area of the scores themselves is away.
    """

    value: Numbers
    variance: Numbers
    freedom: Numbers
    regular: npt.NDArray[np.bool_]
    positives: npt.NDArray[np.int64]
    negatives: npt.NDArray[np.int64]
    resolution: Numbers


def why_not_comparable(table: ScoreTable) -> str | None:
    """Say in words why the rankings of these groups cannot be compared; None where they can."""
    if len(table.groups) < 2:
        found = f"only '{table.groups[0]}' is" if table.groups else "none is"
        return f"a comparison needs at least two judged groups and {found} judged"
    both = with_both_classes(table)
    lacking = [f"'{name}'" for name in table.groups if name not in both]
    return f"the ROC curve is undefined for {', '.join(lacking)}: {ONE_CLASS}" if lacking else None


def group_areas(table: ScoreTable) -> GroupAreas:
    """Return the area under the ROC curve of every group with DeLong's variance, from the counts.

    Parameters
    ----------
    table : ScoreTable
        Every group has rows of both classes.
    """
    negative, positive = (table.rows[:, label].astype(np.float64) for label in (0, 1))
    m, n = positive.sum(axis=1), negative.sum(axis=1)
    below = (np.cumsum(negative, axis=1) - negative / 2) / n[:, None]
    above = 1 - (np.cumsum(positive, axis=1) - positive / 2) / m[:, None]
    value = (positive * below).sum(axis=1) / m
    of_positives = _variance_of_mean(positive, below, value, m)
    of_negatives = _variance_of_mean(negative, above, value, n)
    variance = of_positives + of_negatives
    regular = (np.minimum(m, n) > 1) & (variance > 1e-18) & (value > 0) & (value < 1)
    spread = of_positives**2 / np.maximum(m - 1, 1) + of_negatives**2 / np.maximum(n - 1, 1)
    freedom = np.divide(variance**2, spread, out=np.ones_like(variance), where=regular)
    resolution = (positive * negative * ~_equal_scores(table)).sum(axis=1) / (2 * m * n)
    return GroupAreas(value, variance, freedom, regular, m.astype(np.int64), n.astype(np.int64), resolution)


def area_bounds(areas: GroupAreas, confidence: float) -> Interval:
    """Bound each area, without its resolution; float64 [g] each, within [0, 1]."""
    from scipy.special import expit, logit
    from scipy.stats import t

    value = np.where(areas.regular, areas.value, 0.5)
    half = t.ppf(0.5 + confidence / 2, areas.freedom) * np.sqrt(areas.variance) / (value * (1 - value))
    lower, upper = expit(logit(value) - half), expit(logit(value) + half)
    for at in np.flatnonzero(~areas.regular):
        lower[at], upper[at] = _hanley_mcneil_interval(
            float(areas.value[at]), int(areas.positives[at]), int(areas.negatives[at]), confidence
        )
    return Interval(lower, upper)


def with_both_classes(table: ScoreTable) -> tuple[str, ...]:
    """Return the names of the groups that have rows of both classes."""
    both = (table.rows.sum(axis=2) > 0).all(axis=1)
    return tuple(name for name, has in zip(table.groups, both, strict=True) if has)


def _variance_of_mean(rows: Numbers, placements: Numbers, mean: Numbers, n: Numbers) -> Numbers:
    """Variance of the mean placement of `rows` [g, b] that have `placements` [g, b]; 0 for a single row."""
    squares: Numbers = (rows * (placements - mean[:, None]) ** 2).sum(axis=1) / n
    return squares / np.maximum(n - 1, 1)


def _equal_scores(table: ScoreTable) -> npt.NDArray[np.bool_]:
    """Steps in which both classes have the same whole mean score, as they do where all scores are equal; [g, b]."""
    rows = np.maximum(table.rows, 1)
    mean, rest = np.divmod(table.score_sums, rows)
    equal: npt.NDArray[np.bool_] = (rest == 0).all(axis=1) & (mean[:, 0] == mean[:, 1])
    return equal


def stated_resolution(method: str, bins: int, resolution: float) -> str:
    """Say in words, behind the method, what steps of the score may hide."""
    if resolution == 0:
        return method
    return f"{method}; scores in {bins} steps, ties within a step hide at most {resolution:.1g}"
