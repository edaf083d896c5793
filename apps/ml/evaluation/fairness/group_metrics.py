"""Metrics of the groups of one attribute: every metric is measured for all groups at once.

=======================  ==========================================================================================
metric                   definition
=======================  ==========================================================================================
rates                    shares of rows, :data:`apps.ml.evaluation.statistics.shares.rates.GROUP_RATES`
balanced_accuracy        mean of true positive and true negative rate
treatment_ratio          false negatives / false positives
impact_ratio             favourable rate / highest favourable rate of a judged group
scoring_rate             share of rows whose score is strictly above the median score of all rows
scoring_impact_ratio     scoring rate / highest scoring rate of a judged group
=======================  ==========================================================================================

References
----------
Berk, Heidari, Jabbari, Kearns and Roth (2021), Fairness in criminal justice risk assessments, Sociological Methods and
Research 50 (treatment equality). 6 RCNY 5-300 and 5-301 (impact ratio, scoring rate).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.intervals import WILSON, Interval, ratio_of_shares
from apps.ml.evaluation.statistics.shares.mover import Bounded, bounded_shares, odds, weighted_sum
from apps.ml.evaluation.statistics.shares.rates import (
    COMPLEMENT_OF,
    GROUP_RATES,
    MISSES_AMONG_ERRORS,
    NO_LABELS,
    RATES,
    Favourable,
    GroupShares,
    Rate,
    rate_named,
    shares_of,
)

Reasons = Sequence[str | None]

COUNTED_METRICS = (*GROUP_RATES, "balanced_accuracy", "treatment_ratio", "impact_ratio")
SCORING_METRICS = ("scoring_rate", "scoring_impact_ratio")
SAME_AS: Mapping[str, str] = COMPLEMENT_OF
"""Metric → the one whose interval holds or misses together with its own."""

WEIGHTED = "effective number of weighted rows"


def measure_groups(
    table: CountTable, judged: Sequence[bool], favourable: Favourable, levels: Levels
) -> dict[str, list[Measurement]]:
    """Measure all groups of a table.

    Parameters
    ----------
    table : CountTable [g]
    judged : sequence of bool [g], which groups enter comparisons
    favourable : which decision is good for the person
    levels : Levels

    Returns
    -------
    dict[str, list[Measurement]]
        Metric → one measurement per group, in the order of the table. Without labels, metrics that need them are
        undefined.
    """
    found = {name: _rates(table, rate_named(name, favourable), levels) for name in GROUP_RATES}
    found["balanced_accuracy"] = _balanced_accuracies(table, levels)
    found["treatment_ratio"] = _treatment_ratios(table, levels)
    found["impact_ratio"] = impact_ratios(table, rate_named("favourable_rate", favourable), judged, levels)
    return found


def measure_scoring(
    scoring: CountTable, judged: Sequence[bool], favourable: Favourable, levels: Levels
) -> dict[str, list[Measurement]]:
    """Measure scoring rates and their impact ratios.

    Parameters
    ----------
    scoring : CountTable [g]
        Rows by group whose decision says whether the score is strictly above the median score of all rows.
    judged, favourable, levels : as for :func:`measure_groups`

    Returns
    -------
    dict[str, list[Measurement]]
        Where the positive event is unfavourable, a high score is no advantage and the impact ratios are undefined.
    """
    rate = RATES["selection_rate"]
    if favourable == "negative":
        reason = "a high score is unfavourable here; the impact ratio speaks of favourable decisions"
        ratios = [undefined(reason, n=int(n)) for n in scoring.sizes]
    else:
        ratios = impact_ratios(scoring, rate, judged, levels, "scoring rate")
    return {"scoring_rate": _rates(scoring, rate, levels), "scoring_impact_ratio": ratios}


def impact_ratios(
    table: CountTable, rate: Rate, judged: Sequence[bool], levels: Levels, name: str = "favourable rate"
) -> list[Measurement]:
    """Measure the rate of every group divided by the highest rate of a judged group.

    The bounds allow for not knowing which group is truly the highest. The true ratio is the smallest of the ratios to
    each judged group. The smallest of their lower bounds is below it whenever the one to the truly highest group is;
    the smallest of their upper bounds needs all of them to hold, so these are widened by Bonferroni.

    Returns
    -------
    list[Measurement]
        At most 1 for a judged group; a group that is not judged may exceed 1. Undefined for fewer than two judged
        groups and where the rate is 0 in all of them.
    """
    chosen = np.flatnonzero(np.asarray(judged, dtype=bool))
    reason = few_groups([table.groups[at] for at in chosen])
    shares = shares_of(table, rate)
    if reason is None and not shares.successes[chosen].any():
        reason = f"{name} is 0 in every judged group, so the ratio is 0 / 0"
    if reason is not None:
        return [undefined(reason, n=int(n)) for n in table.sizes]
    filled = GroupShares(shares.successes, np.where(shares.n > 0, shares.n, 1.0))
    top = chosen[filled.rates[chosen].argmax()]
    # Products of whole numbers, so that exactly four fifths is not less by rounding.
    value = filled.successes * filled.n[top] / (filled.successes[top] * filled.n)
    n = table.sizes[chosen].sum() + np.where(judged, 0, table.sizes)
    reasons = [None if size else rate.nobody for size in table.sizes]
    bounds = [_impact_bounds(filled, chosen, value, confidence) for confidence in levels]
    pairwise = "smallest of the MOVER-Wilson ratio intervals to each judged group, upper bound Bonferroni over them"
    return _measurements(bounds, n, levels, _method(pairwise, table), reasons)


def few_groups(judged: Sequence[str]) -> str | None:
    """Say why so few judged groups cannot be compared; None for two and more."""
    if len(judged) >= 2:
        return None
    found = f"only '{judged[0]}' is" if judged else "none is"
    return f"a comparison needs at least two judged groups and {found} judged"


def _rates(table: CountTable, rate: Rate, levels: Levels) -> list[Measurement]:
    if rate.needs_labels and not table.labelled:
        return _without_labels(table)
    shares = shares_of(table, rate)
    _, rows = rate.counts(table.counts)
    numerators, denominators = rate.counts(table.mass)
    filled = GroupShares(shares.successes, np.where(rows > 0, shares.n, 1.0))
    value = np.divide(numerators, denominators, out=np.zeros(len(rows)), where=rows > 0)
    bounds = [bounded_shares(filled, confidence)._replace(value=value) for confidence in levels]
    reasons = [None if n else rate.nobody for n in rows]
    return _measurements(bounds, rows, levels, _method(WILSON, table), reasons, (numerators, denominators))


def _balanced_accuracies(table: CountTable, levels: Levels) -> list[Measurement]:
    if not table.labelled:
        return _without_labels(table)
    rates = [RATES[name] for name in ("true_positive_rate", "true_negative_rate")]
    both = np.all([rate.counts(table.counts)[1] > 0 for rate in rates], axis=0)
    reasons = [None if defined else "balanced accuracy needs rows of both classes" for defined in both]
    bounds = [balanced_accuracies(table, confidence) for confidence in levels]
    method = "MOVER-Wilson interval of the mean of TPR and TNR"
    return _measurements(bounds, table.sizes, levels, _method(method, table), reasons)


def balanced_accuracies(table: CountTable, confidence: float) -> Bounded:
    """Bound the balanced accuracy of every group [g]; meaningless for groups without rows of both classes."""
    halves = [(0.5, _bounded(table, RATES[name], confidence)) for name in ("true_positive_rate", "true_negative_rate")]
    return weighted_sum(halves)


def _treatment_ratios(table: CountTable, levels: Levels) -> list[Measurement]:
    if not table.labelled:
        return _without_labels(table)
    false_alarms = table.counts[:, 0, 1] > 0
    misses, alarms = table.mass[:, 1, 0], table.mass[:, 0, 1]
    _, errors = MISSES_AMONG_ERRORS.counts(table.counts)
    bounds = [treatment_ratios(table, confidence) for confidence in levels]
    reasons = [None if defined else "no row is a false positive" for defined in false_alarms]
    method = _method("Wilson score interval of FN / (FN + FP), as odds", table)
    return _measurements(bounds, errors, levels, method, reasons, (misses, alarms))


def treatment_ratios(table: CountTable, confidence: float) -> Bounded:
    """Bound FN / FP of every group [g]; 0 for groups without false positives, for which it is undefined."""
    shares = shares_of(table, MISSES_AMONG_ERRORS)
    defined = table.counts[:, 0, 1] > 0
    filled = GroupShares(np.where(defined, shares.successes, 0.0), np.where(defined, shares.n, 1.0))
    bounded = odds(bounded_shares(filled, confidence))
    value = np.divide(table.mass[:, 1, 0], table.mass[:, 0, 1], out=np.zeros(len(defined)), where=defined)
    return Bounded(value, np.minimum(bounded.lower, value), np.maximum(bounded.upper, value))


def _bounded(table: CountTable, rate: Rate, confidence: float) -> Bounded:
    shares = shares_of(table, rate)
    return bounded_shares(GroupShares(shares.successes, np.where(shares.n > 0, shares.n, 1.0)), confidence)


def _impact_bounds(
    shares: GroupShares, judged: npt.NDArray[np.intp], value: npt.NDArray[np.float64], confidence: float
) -> Bounded:
    everyone = np.arange(len(shares.n))
    itself = everyone[:, None] == judged[None, :]
    widened = 1 - (1 - confidence) / max(1, len(judged) - 1)
    lower = np.where(itself, np.inf, _ratios(shares, judged, confidence).lower).min(axis=1)
    upper = np.where(itself, np.inf, _ratios(shares, judged, widened).upper).min(axis=1)
    upper = np.where(itself.any(axis=1), np.minimum(upper, 1.0), upper)
    return Bounded(value, np.minimum(lower, value), np.maximum(upper, value))


def _ratios(shares: GroupShares, judged: npt.NDArray[np.intp], confidence: float) -> Interval:
    """Ratio of every group [g] to every judged group [k]: bounds [g, k]."""
    x, n = shares
    return ratio_of_shares(x[:, None], n[:, None], x[None, judged], n[None, judged], confidence)


def _method(words: str, table: CountTable) -> str:
    return words if table.weights is None else f"{words}, {WEIGHTED}"


def _without_labels(table: CountTable) -> list[Measurement]:
    return [undefined(NO_LABELS, n=int(n)) for n in table.sizes]


def _measurements(
    bounds: Sequence[Bounded],
    n: npt.NDArray[np.int64],
    levels: Levels,
    method: str,
    reasons: Reasons,
    parts: tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]] | None = None,
) -> list[Measurement]:
    """One measurement per group: bounds at both levels, a reason where it is undefined, counts where it is a share."""
    each, together = bounds
    columns = (each.value, each.lower, each.upper, together.lower, together.upper)
    numbers = np.stack(np.broadcast_arrays(*columns), axis=1).tolist()
    counts = [(None, None)] * len(reasons) if parts is None else zip(parts[0].tolist(), parts[1].tolist(), strict=True)
    return [
        undefined(reason, rows, above, below)
        if reason is not None
        else Measurement(
            *(value, rows, lower, upper, levels.each, method, above, below),
            simultaneous_lower=wide_lower,
            simultaneous_upper=wide_upper,
        )
        for reason, rows, (value, lower, upper, wide_lower, wide_upper), (above, below) in zip(
            reasons, n.tolist(), numbers, counts, strict=True
        )
    ]
