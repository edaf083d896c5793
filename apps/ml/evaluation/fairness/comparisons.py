"""The comparisons between groups: each is the worst gap or the worst ratio of one rate or of two.

==========================  ======================================================================================
comparison                  of which rate; `…_difference` is largest − smallest, `…_ratio` smallest / largest
==========================  ======================================================================================
demographic_parity          favourable rate; the difference of selection rates is the same, the ratio is four fifths'
equalized_odds              true and false positive rate, the worse of the two
equal_opportunity           true positive rate
predictive_equality         false positive rate
predictive_parity           positive predictive value
negative_predictive_parity  negative predictive value
false_discovery_rate        false discovery rate
false_omission_rate         false omission rate
false_negative_rate         false negative rate
accuracy                    accuracy
base_rate                   base rate; difference only, it is no fault of a model
==========================  ======================================================================================

Comparisons made of several rates: :mod:`apps.ml.evaluation.fairness.compositions`. Where base rates differ, not all of
them can be met at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from apps.ml.evaluation.fairness.group_metrics import WEIGHTED, few_groups
from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.extremes import BoundedValue, largest_gap, worst_ratio
from apps.ml.evaluation.statistics.shares.rates import NO_LABELS, Favourable, GroupShares, rate_named, shares_of

Kind = Literal["gap", "ratio"]

COMPARED_RATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "demographic_parity": ("favourable_rate",),
        "equalized_odds": ("true_positive_rate", "false_positive_rate"),
        "equal_opportunity": ("true_positive_rate",),
        "predictive_equality": ("false_positive_rate",),
        "predictive_parity": ("positive_predictive_value",),
        "negative_predictive_parity": ("negative_predictive_value",),
        "false_discovery_rate": ("false_discovery_rate",),
        "false_omission_rate": ("false_omission_rate",),
        "false_negative_rate": ("false_negative_rate",),
        "accuracy": ("accuracy",),
        "base_rate": ("base_rate",),
    }
)
"""Comparison → rates that enter it."""

NO_RATIO = frozenset({"base_rate"})
"""Comparisons that are made as a difference only."""

SAME_AS: Mapping[str, str] = MappingProxyType(
    {
        "false_negative_rate_difference": "equal_opportunity_difference",
        "false_discovery_rate_difference": "predictive_parity_difference",
        "false_omission_rate_difference": "negative_predictive_parity_difference",
        "equalized_odds_sum_difference": "equalized_odds_mean_difference",
    }
)
"""Comparison → the one whose interval holds or misses together with its own."""

RATE_COMPARISONS = tuple(
    f"{name}_{kind}"
    for name in COMPARED_RATES
    for kind in ("difference", "ratio")
    if (name, kind) not in {(only, "ratio") for only in NO_RATIO}
)
"""Names of the comparisons of this module, in display order."""


def comparison_shares(name: str, table: CountTable, favourable: Favourable) -> tuple[Kind, list[GroupShares]] | None:
    """Return what a named comparison is made of, so that it can be judged at any confidence.

    Parameters
    ----------
    name : str
        Such as `demographic_parity_ratio`: one of :data:`RATE_COMPARISONS`.
    table : CountTable
        Counts of the judged groups alone.
    favourable : which decision is good for the person

    Returns
    -------
    tuple of "gap" or "ratio" and list of GroupShares, or None
        The comparison is the largest gap, or the worst ratio, over these shares. None for a comparison that is not
        made of shares of counts, and where it is undefined.
    """
    if name not in RATE_COMPARISONS:
        return None
    base, _, ending = name.rpartition("_")
    kind: Kind = "gap" if ending == "difference" else "ratio"
    rates = COMPARED_RATES[base]
    if why_undefined(kind, rates, table, favourable):
        return None
    return kind, [shares_of(table, rate_named(rate, favourable)) for rate in rates]


def compare_rates(judged: CountTable, favourable: Favourable, levels: Levels) -> dict[str, Measurement]:
    """Compare the judged groups of one attribute by every one of :data:`RATE_COMPARISONS`.

    Parameters
    ----------
    judged : CountTable
        Counts of the judged groups alone.
    favourable : which decision is good for the person
    levels : Levels

    Returns
    -------
    dict[str, Measurement]
        `n` is the number of rows of the judged groups; `lowest`, `highest` and `rate` say which groups differ most in
        which rate. Undefined for fewer than two judged groups, without labels where they are needed, and where a
        judged group lacks the rows a rate is a share of: leaving that group out would hide it.
    """
    return {name: compare(name, judged, favourable, levels) for name in RATE_COMPARISONS}


def compare(name: str, judged: CountTable, favourable: Favourable, levels: Levels) -> Measurement:
    """Make one named comparison; parameters and result as for :func:`compare_rates`."""
    base, _, ending = name.rpartition("_")
    kind: Kind = "gap" if ending == "difference" else "ratio"
    rates = COMPARED_RATES[base]
    reason = why_undefined(kind, rates, judged, favourable)
    if reason:
        return undefined(reason, n=judged.rows)
    shares = [shares_of(judged, rate_named(rate, favourable)) for rate in rates]
    measure = largest_gap if kind == "gap" else worst_ratio
    return at_both_levels(lambda level: _measurement(measure(shares, level), judged, rates, kind, level), levels)


def why_undefined(kind: Kind, rates: Sequence[str], judged: CountTable, favourable: Favourable) -> str | None:
    """Say in words why a comparison of these rates is undefined; None where it is defined."""
    reason = few_groups(judged.groups) or _nobody_counted(judged, rates, favourable)
    return reason or (_zero_everywhere(judged, rates, favourable) if kind == "ratio" else None)


def at_both_levels(measure: Callable[[float], Measurement], levels: Levels) -> Measurement:
    """Measure at the confidence of one interval and add the bounds that hold together with the family's."""
    found = measure(levels.each)
    if found.lower is None:
        return found
    wide = measure(levels.together)
    return replace(found, simultaneous_lower=wide.lower, simultaneous_upper=wide.upper)


def described(pairwise: str, widened: str, judged: CountTable, rates: int = 1) -> str:
    """Name the method of a comparison: its pairwise intervals, how one bound is widened, whether rows are weighted."""
    groups = len(judged.groups)
    pairs = groups * (groups - 1) // 2 * rates
    words = [pairwise]
    if pairs > 1:
        of_rates = f" of {rates} rates" if rates > 1 else ""
        words.append(f"{widened} {pairs} pairs{of_rates}")
    if judged.weights is not None:
        words.append(WEIGHTED)
    return ", ".join(words)


def _measurement(
    bounded: BoundedValue, judged: CountTable, rates: Sequence[str], kind: Kind, confidence: float
) -> Measurement:
    pairwise, widened = (
        ("pairwise Newcombe (MOVER-Wilson) intervals", "lower bound widened for the choice among")
        if kind == "gap"
        else ("pairwise MOVER-Wilson ratio intervals", "upper bound widened for the choice among")
    )
    return Measurement(
        value=bounded.value,
        n=judged.rows,
        lower=bounded.lower,
        upper=bounded.upper,
        confidence=confidence,
        method=described(pairwise, widened, judged, len(rates)),
        lowest=judged.groups[bounded.lowest],
        highest=judged.groups[bounded.highest],
        rate=rates[bounded.rate],
    )


def _nobody_counted(judged: CountTable, rates: Sequence[str], favourable: Favourable) -> str | None:
    """Say that labels are missing, or name the groups in which a rate is a share of no rows."""
    for name in rates:
        rate = rate_named(name, favourable)
        if rate.needs_labels and not judged.labelled:
            return NO_LABELS
        _, denominators = rate.counts(judged.counts)
        empty = [f"'{group}'" for group, rows in zip(judged.groups, denominators, strict=True) if rows == 0]
        if empty:
            return f"{_words(name)} is undefined for {', '.join(empty)}: {rate.nobody}"
    return None


def _zero_everywhere(judged: CountTable, rates: Sequence[str], favourable: Favourable) -> str | None:
    for name in rates:
        numerators, _ = rate_named(name, favourable).counts(judged.counts)
        if not numerators.any():
            return f"{_words(name)} is 0 in every judged group, so their ratio is 0 / 0"
    return None


def _words(name: str) -> str:
    return name.replace("_", " ")
