"""The comparisons between groups: each is the worst gap or the worst ratio of one rate or of two.

==================  ============================================  ====================================
comparison          difference: largest − smallest of             ratio: smallest / largest of
==================  ============================================  ====================================
demographic_parity  favourable rate (selection rate: the same)    favourable rate (four-fifths rule)
equalized_odds      true and false positive rate, the worse gap   both, the worse ratio
equal_opportunity   true positive rate                            true positive rate
predictive_parity   positive predictive value                     positive predictive value
==================  ============================================  ====================================

`base_rate_difference` stands beside them: where base rates differ, not all of them can be met at once.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from apps.ml.evaluation.statistics.counts import CountTable
from apps.ml.evaluation.statistics.extremes import BoundedValue, largest_gap, worst_ratio
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.rates import Favourable, GroupShares, rate_named, shares_of

COMPARED_RATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "demographic_parity": ("favourable_rate",),
        "equalized_odds": ("true_positive_rate", "false_positive_rate"),
        "equal_opportunity": ("true_positive_rate",),
        "predictive_parity": ("positive_predictive_value",),
    }
)
"""Comparison → rates that enter it."""


def compare_groups(judged: CountTable, favourable: Favourable, confidence: float) -> dict[str, Measurement]:
    """Compare the judged groups of one attribute.

    Parameters
    ----------
    judged : CountTable
        Counts of the judged groups alone.
    favourable : which decision is good for the person
    confidence : float in (0, 1), of each comparison's interval as a whole

    Returns
    -------
    dict[str, Measurement]
        `<comparison>_difference` and `<comparison>_ratio` for each of :data:`COMPARED_RATES`, and
        `base_rate_difference`; `n` is the number of rows of the judged groups. Undefined for fewer than two judged
        groups, and where a judged group lacks the rows a rate is a share of: leaving that group out would hide it.
    """
    metrics: dict[str, Measurement] = {}
    for name, rates in COMPARED_RATES.items():
        metrics[f"{name}_difference"] = rate_gap(judged, rates, favourable, confidence)
        metrics[f"{name}_ratio"] = rate_ratio(judged, rates, favourable, confidence)
    metrics["base_rate_difference"] = rate_gap(judged, ("base_rate",), favourable, confidence)
    return metrics


def rate_gap(judged: CountTable, rates: Sequence[str], favourable: Favourable, confidence: float) -> Measurement:
    """Measure largest − smallest of each named rate over the groups, the worst of the rates; in [0, 1]."""
    reason = _few_groups(judged) or _nobody_counted(judged, rates, favourable)
    if reason:
        return undefined(reason, n=judged.rows)
    bounded = largest_gap(_shares(judged, rates, favourable), confidence)
    return _measurement(bounded, judged, confidence, "pairwise Newcombe (MOVER-Wilson) intervals", "lower", rates)


def rate_ratio(judged: CountTable, rates: Sequence[str], favourable: Favourable, confidence: float) -> Measurement:
    """Measure smallest / largest of each named rate over the groups, the worst of the rates; in [0, 1]."""
    reason = (
        _few_groups(judged) or _nobody_counted(judged, rates, favourable) or _zero_everywhere(judged, rates, favourable)
    )
    if reason:
        return undefined(reason, n=judged.rows)
    bounded = worst_ratio(_shares(judged, rates, favourable), confidence)
    return _measurement(bounded, judged, confidence, "pairwise MOVER-Wilson ratio intervals", "upper", rates)


def _measurement(
    bounded: BoundedValue, judged: CountTable, confidence: float, pairwise: str, widened: str, rates: Sequence[str]
) -> Measurement:
    groups = len(judged.groups)
    pairs = groups * (groups - 1) // 2 * len(rates)
    method = pairwise
    if pairs > 1:
        of_rates = f" of {len(rates)} rates" if len(rates) > 1 else ""
        method += f", {widened} bound Bonferroni over {pairs} pairs{of_rates}"
    return Measurement(
        value=bounded.value,
        n=judged.rows,
        lower=bounded.lower,
        upper=bounded.upper,
        confidence=confidence,
        method=method,
    )


def _shares(judged: CountTable, rates: Sequence[str], favourable: Favourable) -> list[GroupShares]:
    return [shares_of(judged, rate_named(name, favourable)) for name in rates]


def _few_groups(judged: CountTable) -> str | None:
    if len(judged.groups) >= 2:
        return None
    found = f"only '{judged.groups[0]}' is" if judged.groups else "none is"
    return f"a comparison needs at least two judged groups and {found} judged"


def _nobody_counted(judged: CountTable, rates: Sequence[str], favourable: Favourable) -> str | None:
    """Name the groups in which a rate is a share of no rows."""
    for name in rates:
        rate = rate_named(name, favourable)
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
