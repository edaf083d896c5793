"""Comparisons between groups that are made of several rates.

=========================================  =======================================================================
comparison                                 definition, over the judged groups
=========================================  =======================================================================
equalized_odds_mean_difference             (ΔTPR + ΔFPR) / 2, each Δ largest − smallest
equalized_odds_mean_ratio                  mean of the two rates' smallest / largest
equalized_odds_sum_difference              ΔTPR + ΔFPR, the l₁ distance of (ΔTPR, ΔFPR) from parity
equalized_odds_root_mean_square_difference √((ΔTPR² + ΔFPR²) / 2), the l₂ distance divided by √2
balanced_accuracy_difference, _ratio       largest − smallest, smallest / largest of (TPR + TNR) / 2
treatment_equality_difference, _ratio      largest − smallest, smallest / largest of FN / FP
=========================================  =======================================================================

`equalized_odds_difference` itself, the worse of the two gaps, is the l∞ distance. For every lp distance,
worst <= lp <= sum, and worst / √2 <= root mean square <= worst.

Bounds of mean and sum: :mod:`apps.ml.evaluation.statistics.shares.sums_of_gaps`. Those of the root mean square come
from the bounds of both gaps at once, each at half of the error (Bonferroni), because it rises with both. The last four
compare quantities with their own bounds, :mod:`apps.ml.evaluation.statistics.shares.mover`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from apps.ml.evaluation.fairness.comparisons import Kind, at_both_levels, described, why_undefined
from apps.ml.evaluation.fairness.group_metrics import WEIGHTED, balanced_accuracies, few_groups, treatment_ratios
from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.extremes import largest_gap
from apps.ml.evaluation.statistics.shares.mover import Bounded, smallest_ratio, widest_gap
from apps.ml.evaluation.statistics.shares.rates import NO_LABELS, RATES, GroupShares, shares_of
from apps.ml.evaluation.statistics.shares.sums_of_gaps import sum_of_gaps, sum_of_ratios

ODDS = ("true_positive_rate", "false_positive_rate")

COMBINED = (
    "equalized_odds_mean_difference",
    "equalized_odds_mean_ratio",
    "equalized_odds_sum_difference",
    "equalized_odds_root_mean_square_difference",
)
"""Combinations of the gaps, or ratios, of both :data:`ODDS`."""

BoundedCombination = tuple[float, float, float]
Combine = Callable[[GroupShares, GroupShares, float], BoundedCombination]

COMPOSED = (
    *COMBINED,
    "balanced_accuracy_difference",
    "balanced_accuracy_ratio",
    "treatment_equality_difference",
    "treatment_equality_ratio",
)
"""Names of the comparisons of this module, in display order."""


def compare_compositions(judged: CountTable, levels: Levels) -> dict[str, Measurement]:
    """Compare the judged groups of one attribute by every one of :data:`COMPOSED`.

    Parameters
    ----------
    judged : CountTable
        Counts of the judged groups alone.
    levels : Levels

    Returns
    -------
    dict[str, Measurement]
        As of :func:`apps.ml.evaluation.fairness.comparisons.compare_rates`. Treatment equality is undefined where a
        judged group has no false positive; differences of it have no upper limit. A combination of two gaps names the
        groups of the wider gap (of the lower ratio).
    """
    return {name: _combined(name, judged, levels) for name in COMBINED} | {
        "balanced_accuracy_difference": _compared("gap", _why_no_balance(judged), judged, levels, _BALANCE, 1.0),
        "balanced_accuracy_ratio": _compared("ratio", _why_no_balance(judged), judged, levels, _BALANCE, 1.0),
        "treatment_equality_difference": _compared("gap", _why_no_odds(judged), judged, levels, _TREATMENT, np.inf),
        "treatment_equality_ratio": _compared("ratio", _why_no_odds(judged), judged, levels, _TREATMENT, np.inf),
    }


def _combined(name: str, judged: CountTable, levels: Levels) -> Measurement:
    kind: Kind = "ratio" if name.endswith("_ratio") else "gap"
    reason = why_undefined(kind, ODDS, judged, "positive")
    if reason:
        return undefined(reason, n=judged.rows)
    shares = tuple(shares_of(judged, RATES[rate]) for rate in ODDS)
    worse, lowest, highest = _worse(kind, shares)
    bounds, method = _COMBINATIONS[name]
    if judged.weights is not None:
        method = f"{method}, {WEIGHTED}"

    def measured(confidence: float) -> Measurement:
        value, lower, upper = bounds(shares[0], shares[1], confidence)
        return Measurement(
            *(value, judged.rows, lower, upper, confidence, method),
            lowest=judged.groups[lowest],
            highest=judged.groups[highest],
            rate=ODDS[worse],
        )

    return at_both_levels(measured, levels)


def _mean_gap(one: GroupShares, other: GroupShares, confidence: float) -> BoundedCombination:
    value, lower, upper = sum_of_gaps(one, other, confidence)
    return value / 2, lower / 2, upper / 2


def _mean_ratio(one: GroupShares, other: GroupShares, confidence: float) -> BoundedCombination:
    value, lower, upper = sum_of_ratios(one, other, confidence)
    return value / 2, lower / 2, upper / 2


def _root_mean_square_gap(one: GroupShares, other: GroupShares, confidence: float) -> BoundedCombination:
    gaps = [largest_gap([shares], 1 - (1 - confidence) / 2)[:3] for shares in (one, other)]
    value, lower, upper = (float(np.hypot(*ends) / np.sqrt(2)) for ends in zip(*gaps, strict=True))
    return value, min(lower, value), max(upper, value)


_SUMS = "square-and-add over pairs of groups for each rate, {} bound Bonferroni over them"
_COMBINATIONS: Mapping[str, tuple[Combine, str]] = {
    "equalized_odds_mean_difference": (_mean_gap, _SUMS.format("lower")),
    "equalized_odds_mean_ratio": (_mean_ratio, _SUMS.format("upper")),
    "equalized_odds_sum_difference": (sum_of_gaps, _SUMS.format("lower")),
    "equalized_odds_root_mean_square_difference": (
        _root_mean_square_gap,
        "root mean square of the bounds of both gaps, which hold at once (Bonferroni)",
    ),
}


def _worse(kind: Kind, shares: Sequence[GroupShares]) -> tuple[int, int, int]:
    """Positions of the rate with the wider gap or lower ratio, and of its groups with the lowest and the highest."""
    apart = [np.ptp(one.rates) if kind == "gap" else -one.rates.min() / one.rates.max() for one in shares]
    worse = int(np.argmax(apart))
    return worse, int(shares[worse].rates.argmin()), int(shares[worse].rates.argmax())


_BALANCE = (balanced_accuracies, "intervals of the mean of TPR and TNR", "balanced_accuracy")
_TREATMENT = (treatment_ratios, "intervals of the odds of FN among errors", "treatment_ratio")


def _compared(
    kind: Kind,
    reason: str | None,
    judged: CountTable,
    levels: Levels,
    quantity: tuple[Callable[[CountTable, float], Bounded], str, str],
    most: float,
) -> Measurement:
    bounded, words, rate = quantity
    if reason is None and kind == "ratio" and not bounded(judged, levels.each).value.any():
        reason = f"{rate.replace('_', ' ')} is 0 in every judged group, so their ratio is 0 / 0"
    if reason:
        return undefined(reason, n=judged.rows)
    pairwise = f"pairwise MOVER {'differences' if kind == 'gap' else 'ratios'} of {words}"
    method = described(pairwise, f"{'lower' if kind == 'gap' else 'upper'} bound Bonferroni over", judged)

    def measured(confidence: float) -> Measurement:
        def at(level: float) -> Bounded:
            return bounded(judged, level)

        found = widest_gap(at, confidence, most) if kind == "gap" else smallest_ratio(at, confidence)
        return Measurement(
            *(found.value, judged.rows, found.lower, found.upper, confidence, method),
            lowest=judged.groups[found.lowest],
            highest=judged.groups[found.highest],
            rate=rate,
        )

    return at_both_levels(measured, levels)


def _why_no_balance(judged: CountTable) -> str | None:
    return why_undefined("gap", ("true_positive_rate", "true_negative_rate"), judged, "positive")


def _why_no_odds(judged: CountTable) -> str | None:
    reason = few_groups(judged.groups) or (None if judged.labelled else NO_LABELS)
    if reason:
        return reason
    without = [f"'{name}'" for name, block in zip(judged.groups, judged.counts, strict=True) if not block[0, 1]]
    return f"treatment ratio is undefined for {', '.join(without)}: no row is a false positive" if without else None
