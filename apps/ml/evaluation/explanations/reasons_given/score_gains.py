"""What a person's value costs: the change of the score when one column is replaced by values of a reference.

The gain of column j for a row x is the mean, over the values r of reference applicants, of

    merit(x with its value in j replaced by r) − merit(x),

where merit is the log-odds of the favourable outcome by the deployed rule. For an additive score w₁x₁ + … + w_k x_k it
is exactly w_j (mean of r − x_j): the points by which the factor lies below the reference's average, which is what a
scorecard's reasons have always been made of. It asks nothing of the rule but its scores, so it holds for every
estimator and for whatever is put around one later.

References
----------
12 CFR part 1002, Supplement I, comment 9(b)(2)-5 (both references). Janzing, Minorics, Blöbaum (2020), Feature
relevance quantification in explainable AI: A causal problem, AISTATS (why replacing, and not conditioning, tells what
the rule itself does).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from apps.ml.evaluation.explanations.coded_rows import BoolArray, CodedRule, changed_rows, same_values
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray
from apps.ml.parameters import ModelEvaluation

MOST_VALUES = 16
"""Values per column that stand for a reference, each for an equal share of its rows where there are more."""

BAND_SHARE = 0.2
"""The band at the cut-off: this share of the reference's favourably decided rows, those nearest the cut-off."""

BAND_ROWS = 50
"""Rows that the band at the cut-off holds at least, where there are as many."""

METHODS = {
    "below_average_at_cutoff": "furthest below the average of applicants at or just above the cut-off",
    "below_average_of_applicants": "furthest below the average of all applicants",
}
"""Method by its name in the parameters, in words (12 CFR part 1002, Supplement I, comment 9(b)(2)-5)."""


class ReferenceValues(NamedTuple):
    """Values [g] and their shares [g] per column, which stand for the marginal distribution of reference rows."""

    values: tuple[FloatArray, ...]
    shares: tuple[FloatArray, ...]


@dataclass(frozen=True)
class ScoreGains:
    """Gains in log-odds of the favourable outcome, float64 [n, columns] each.

    `gain`: mean gain over the reference; positive where the person's own value counts against the person. `higher`
    and `lower`: the parts of it that come from values above and below the person's own; they tell in which direction
    the value is off.
    """

    gain: FloatArray
    higher: FloatArray
    lower: FloatArray


def reference_pool(coded: CodedRule, reference: FloatArray, method: str) -> IntArray:
    """Return positions of the reference rows [m, k] that a row is compared with.

    `below_average_of_applicants`: all of them. `below_average_at_cutoff`: those on the favourable side that lie nearest
    the cut-off, :data:`BAND_SHARE` of the favourably decided and at least :data:`BAND_ROWS`; equal scores at the edge
    of the band stay in. Empty where no reference row is decided favourably.
    """
    if method == "below_average_of_applicants" or not len(reference):
        return np.arange(len(reference), dtype=np.int64)
    scores = coded.scores(reference)
    passing = np.flatnonzero(coded.favourable(scores))
    if not len(passing):
        return passing.astype(np.int64)
    distance = np.abs(scores[passing] - coded.rule.threshold)
    wanted = min(len(passing), max(BAND_ROWS, int(np.ceil(BAND_SHARE * len(passing)))))
    edge = np.sort(distance)[wanted - 1]
    return passing[distance <= edge].astype(np.int64)


def reference_values(rows: FloatArray, most: int = MOST_VALUES) -> ReferenceValues:
    """Summarise coded reference rows [m, k] by at most about `most` values per column.

    A column with more distinct numbers is given by the values at `most` equally likely quantiles, and missing as one
    value with its share. All are values that occur.
    """
    pairs = [_summary(rows[:, column], most) for column in range(rows.shape[1])]
    return ReferenceValues(tuple(values for values, _ in pairs), tuple(shares for _, shares in pairs))


def score_gains(coded: CodedRule, rows: FloatArray, reference: ReferenceValues) -> ScoreGains:
    """Measure the gains of every column for coded rows [n, k]; a row alone gets what it gets among others."""
    n, k = rows.shape
    sizes = np.array([len(values) for values in reference.values], dtype=np.int64)
    column = np.tile(np.repeat(np.arange(k), sizes), n)
    row = np.repeat(np.arange(n), int(sizes.sum()))
    value = np.tile(np.concatenate([*reference.values, np.empty(0)]), n)
    share = np.tile(np.concatenate([*reference.shares, np.empty(0)]), n)
    differs = ~same_values(rows[row, column], value)
    row, column, value, share = row[differs], column[differs], value[differs], share[differs]
    own = rows[row, column]
    before = coded.merit(coded.scores(rows))
    gained = share * (coded.merit(coded.scores(changed_rows(rows, row, column, value))) - before[row])
    cell = row * k + column
    return ScoreGains(
        gain=_summed(cell, gained, n, k),
        higher=_summed(cell, np.where(value > own, gained, 0.0), n, k),
        lower=_summed(cell, np.where(value < own, gained, 0.0), n, k),
    )


def typical_values(rows: FloatArray, numeric: BoolArray) -> FloatArray:
    """Return [k] one typical value per column of coded rows [m, k]: the median of numbers, else the most frequent.

    Both are values that occur; missing only where nothing else does.
    """
    return np.array([_typical(rows[:, column], bool(numeric[column])) for column in range(rows.shape[1])])


def is_numeric(coded: CodedRule) -> BoolArray:
    """Return [columns], whether a column holds numbers and neither categories nor truth values."""
    return np.array([column.kind == "numeric" for column in coded.columns], dtype=np.bool_)


def described_method(parameters: ModelEvaluation) -> str:
    """Say in words by which of the two accepted methods reasons are found."""
    return METHODS[parameters.explanations.reason_method]


def _summary(values: FloatArray, most: int) -> tuple[FloatArray, FloatArray]:
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present, return_counts=True)
    if len(distinct) > most:
        levels = (np.arange(most) + 0.5) / most
        distinct, counts = np.unique(np.quantile(present, levels, method="inverted_cdf"), return_counts=True)
    shares = counts / counts.sum() if len(counts) else np.empty(0)
    if len(present) == len(values):
        return distinct, shares
    missing = 1 - len(present) / len(values)
    return np.append(distinct, np.nan), np.append(shares * (1 - missing), missing)


def _typical(values: FloatArray, numeric: bool) -> float:
    present = values[~np.isnan(values)]
    if not len(present):
        return float("nan")
    if numeric:
        return float(np.quantile(present, 0.5, method="inverted_cdf"))
    distinct, counts = np.unique(present, return_counts=True)
    return float(distinct[np.argmax(counts)])


def _summed(cell: IntArray, values: FloatArray, n: int, k: int) -> FloatArray:
    return np.bincount(cell, weights=values, minlength=n * k).astype(np.float64).reshape(n, k)
