"""Signed comparisons of each judged group with one reference group, in AIF360's conventions.

=============================  ===================================================================================
comparison                     definition
=============================  ===================================================================================
statistical_parity_difference  favourable rate of the group − that of the reference
disparate_impact               favourable rate of the group / that of the reference; exceeds 1 where it is higher
average_odds_difference        ½ (difference of true positive rates + difference of false positive rates)
equal_opportunity_difference   true positive rate of the group − that of the reference
=============================  ===================================================================================

Positive and negative speak of the predicted event, as everywhere here. AIF360 lets them speak of the favourable label:
where the positive event is unfavourable, its average odds difference is the negative of this one and its equal
opportunity difference is the negative of the difference of false positive rates.

The two gaps in an average of odds can cancel: it is 0 for a group that is 0.1 above in one rate and 0.1 below in the
other. :mod:`apps.ml.evaluation.fairness.compositions` has the mean that cannot.

References
----------
Feldman, Friedler, Moeller, Scheidegger and Venkatasubramanian (2015), Certifying and removing disparate impact, KDD.
Bellamy et al. (2019), AI Fairness 360, IBM Journal of Research and Development 63.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from apps.ml.errors import ParameterError
from apps.ml.evaluation.fairness.group_metrics import WEIGHTED, few_groups
from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.fairness.results import ReferenceAssessment
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.mover import Bounded, bounded_shares, ratio, weighted_sum
from apps.ml.evaluation.statistics.shares.rates import NO_LABELS, Favourable, GroupShares, rate_named, shares_of

Found = tuple[Bounded, npt.NDArray[np.bool_]]

SIGNED: Mapping[str, tuple[tuple[str, float], ...]] = {
    "statistical_parity_difference": (("favourable_rate", 1.0),),
    "average_odds_difference": (("true_positive_rate", 0.5), ("false_positive_rate", 0.5)),
    "equal_opportunity_difference": (("true_positive_rate", 1.0),),
}
"""Difference → the rates whose differences it adds up, with their weights."""

REFERENCE_COMPARISONS = (
    "statistical_parity_difference",
    "disparate_impact",
    "average_odds_difference",
    "equal_opportunity_difference",
)
NEED_LABELS = frozenset({"average_odds_difference", "equal_opportunity_difference"})


def compare_with_reference(
    table: CountTable, judged: Sequence[bool], chosen: str | None, favourable: Favourable, levels: Levels
) -> ReferenceAssessment:
    """Compare every other judged group with the reference group.

    Parameters
    ----------
    table : CountTable of all groups of one attribute
    judged : sequence of bool [g], which groups enter comparisons
    chosen : str or None
        The reference group; None for the largest judged group, the first of equally large ones.
    favourable : which decision is good for the person
    levels : Levels

    Returns
    -------
    ReferenceAssessment
        Undefined where a rate is a share of nobody in either group, where the ratio's reference rate is 0, and
        altogether where the reference group has no row or is not judged.
    """
    names = [name for name, is_judged in zip(table.groups, judged, strict=True) if is_judged]
    reference = chosen if chosen is not None else _largest(table, names)
    others = [name for name in names if name != reference]
    reason = few_groups(names) if chosen is None else _why_no_reference(table, names, chosen)
    if reason or reference is None:
        nothing = {name: undefined(reason or "", n=table.rows) for name in REFERENCE_COMPARISONS}
        return ReferenceAssessment(reference, dict.fromkeys(others, nothing))
    ordered = table.select([reference, *others])
    found = {name: _measured(name, ordered, favourable, levels) for name in REFERENCE_COMPARISONS}
    return ReferenceAssessment(
        reference, {other: {name: found[name][at] for name in found} for at, other in enumerate(others)}
    )


def require_known_attributes(chosen: Mapping[str, str], attributes: Sequence[str]) -> None:
    """Refuse reference groups of attributes that are not assessed.

    Raises
    ------
    ParameterError
        Names them and the attributes there are.
    """
    absent = [name for name in chosen if name not in attributes]
    if absent:
        raise ParameterError(
            f"model_evaluation.reference_groups names {', '.join(absent)}, which is not among the sensitive attributes "
            f"{', '.join(attributes)}. Mend the name or remove the line."
        )


def _largest(table: CountTable, names: Sequence[str]) -> str | None:
    sizes = dict(zip(table.groups, table.sizes.tolist(), strict=True))
    return max(names, key=lambda name: sizes[name]) if names else None


def _why_no_reference(table: CountTable, judged: Sequence[str], chosen: str) -> str | None:
    if chosen not in table.groups:
        return f"the reference group '{chosen}' has no rows"
    return None if chosen in judged else f"the reference group '{chosen}' is not judged"


def _measured(name: str, table: CountTable, favourable: Favourable, levels: Levels) -> list[Measurement]:
    """One measurement per group but the first, which is the reference."""
    n = table.sizes[0] + table.sizes[1:]
    if name in NEED_LABELS and not table.labelled:
        return [undefined(NO_LABELS, n=int(rows)) for rows in n]
    rates = [rate for rate, _ in SIGNED[name]] if name in SIGNED else ["favourable_rate"]
    reasons = _reasons(table, rates, favourable, is_ratio=name not in SIGNED)
    make = _differences if name in SIGNED else _impacts
    each, together = (make(name, table, favourable, confidence) for confidence in levels)
    return [
        undefined(reason, n=int(n[at]))
        if reason
        else Measurement(
            *(float(each.value[at]), int(n[at]), float(each.lower[at]), float(each.upper[at])),
            *(levels.each, _method(name, table)),
            simultaneous_lower=float(together.lower[at]),
            simultaneous_upper=float(together.upper[at]),
        )
        for at, reason in enumerate(reasons)
    ]


def _differences(name: str, table: CountTable, favourable: Favourable, confidence: float) -> Bounded:
    parts: list[tuple[float, Bounded]] = []
    for rate, weight in SIGNED[name]:
        shares = _filled(table, rate, favourable, confidence)
        parts += [(weight, _groups(shares)), (-weight, _reference(shares))]
    return weighted_sum(parts)


def _impacts(_: str, table: CountTable, favourable: Favourable, confidence: float) -> Bounded:
    shares = _filled(table, "favourable_rate", favourable, confidence)
    groups, reference = _groups(shares), _reference(shares)
    if not reference.value.any():
        return groups
    return Bounded(groups.value / reference.value, *ratio(groups, reference))


def _filled(table: CountTable, rate: str, favourable: Favourable, confidence: float) -> Bounded:
    """Bounded shares of all groups; those that are shares of nobody are filled and not used."""
    shares = shares_of(table, rate_named(rate, favourable))
    return bounded_shares(GroupShares(shares.successes, np.where(shares.n > 0, shares.n, 1.0)), confidence)


def _reference(shares: Bounded) -> Bounded:
    return shares.at(np.zeros(len(shares.value) - 1, dtype=np.intp))


def _groups(shares: Bounded) -> Bounded:
    return shares.at(np.arange(1, len(shares.value)))


def _reasons(table: CountTable, rates: Sequence[str], favourable: Favourable, is_ratio: bool) -> list[str | None]:
    """Why each group but the first cannot be compared with the first."""
    found: list[str | None] = [None] * (len(table.groups) - 1)
    for name in rates:
        rate = rate_named(name, favourable)
        numerators, denominators = rate.counts(table.counts)
        for at, group in enumerate(table.groups[1:]):
            nobody = [f"'{one}'" for one, where in ((group, at + 1), (table.groups[0], 0)) if not denominators[where]]
            if nobody and found[at] is None:
                found[at] = f"{name.replace('_', ' ')} is undefined for {', '.join(nobody)}: {rate.nobody}"
        if is_ratio and not numerators[0]:
            return [f"{name.replace('_', ' ')} of the reference group '{table.groups[0]}' is 0"] * len(found)
    return found


def _method(name: str, table: CountTable) -> str:
    words = {
        "disparate_impact": "MOVER-Wilson ratio interval",
        "average_odds_difference": "MOVER-Wilson interval of half the sum of two differences",
    }.get(name, "Newcombe (MOVER-Wilson) interval")
    return words if table.weights is None else f"{words}, {WEIGHTED}"
