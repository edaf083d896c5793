"""Conditional disparity: how favourable decisions differ between groups among rows that are alike in a further column.

Definitions
-----------
A *stratum* holds the rows that share a value of the further column. For two groups with n₁ and n₂ rows in a stratum and
favourable shares p₁ and p₂ there, the *stratum-weighted difference* is Σ w (p₁ − p₂) / Σ w with Mantel and Haenszel's
w = n₁n₂ / (n₁ + n₂). A stratum in which either group has no rows says nothing about the pair. The *conditional
disparity* is the largest absolute difference over all pairs of groups.

The *Cochran-Mantel-Haenszel test* asks whether decisions are independent of the group within every stratum, by
comparing favourable decisions per group with those expected given the margins of each stratum; (g − 1) degrees of
freedom. For two groups the *common odds ratio* of the favourable decision comes with the interval of Robins, Breslow
and Greenland.

*Conditional demographic disparity* of a group (Wachter, Mittelstadt and Russell): its share of the rows decided
unfavourably minus its share of those decided favourably, the mean over strata weighted by rows.

Where rows are weighted, counts are effective counts, and the test is an approximation.

References
----------
Mantel and Haenszel (1959), Statistical aspects of the analysis of data from retrospective studies of disease, JNCI 22.
Greenland and Robins (1985), Estimation of a common effect parameter from sparse follow-up data, Biometrics 41.
Sato (1989), On the variance estimator for the Mantel-Haenszel risk difference, Biometrics 45; Klingenberg (2014), A new
and improved confidence interval for the Mantel-Haenszel risk difference, Statistics in Medicine 33 (the interval).
Robins, Breslow and Greenland (1986), Estimators of the Mantel-Haenszel variance consistent in both sparse data and
large-strata limiting models, Biometrics 42. Agresti (2013), Categorical Data Analysis, 3rd edition, 6.4 and 8.4.
Wachter, Mittelstadt and Russell (2021), Why fairness cannot be automated, Computer Law & Security Review 41.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.intervals import Interval, newcombe_difference, normal_quantile
from apps.ml.evaluation.statistics.shares.pairwise_gaps import Positions, pairwise_confidence
from apps.ml.evaluation.statistics.shares.rates import Favourable, rate_named, shares_of

Numbers = npt.NDArray[np.float64]

METHOD = "Mantel-Haenszel difference, Sato's variance, Klingenberg's interval"


class ConditionalDisparity(NamedTuple):
    """The largest stratum-weighted difference between groups, and the Cochran-Mantel-Haenszel test, JSON-ready.

    `cmh` holds `statistic`, `degrees_of_freedom`, `p_value`, `strata` (number used), `left_out` (stratum → reason);
    for two groups also `corrected_statistic` and `corrected_p_value` (continuity correction) and `odds_ratio` (of the
    favourable decision, of `group` against `against`, a measurement). Where the test cannot be made, `undefined` holds
    the reason in place of the numbers.
    """

    difference: Measurement
    cmh: dict[str, Any]


class _Strata(NamedTuple):
    """Favourable rows and rows, float64 [k, g], of the strata with `names`."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    favourable: Numbers
    rows: Numbers


def conditional_disparity(
    tables: Mapping[str, CountTable], favourable: Favourable, confidence: float
) -> ConditionalDisparity:
    """Compare favourable decisions between groups within strata.

    Parameters
    ----------
    tables : stratum → CountTable
        All with the same groups in the same order: the judged ones.
    favourable : which decision is good for the person
    confidence : float in (0, 1), of each interval

    Returns
    -------
    ConditionalDisparity
        The difference is undefined for fewer than two groups and where two groups share no stratum.
    """
    strata = _strata(tables, favourable)
    return ConditionalDisparity(_difference(strata, confidence), _cochran_mantel_haenszel(strata, confidence))


def _strata(tables: Mapping[str, CountTable], favourable: Favourable) -> _Strata:
    groups = next(iter(tables.values())).groups if tables else ()
    shares = [shares_of(table, rate_named("favourable_rate", favourable)) for table in tables.values()]
    shape = (len(shares), len(groups))
    chosen = np.array([one.successes for one in shares], dtype=np.float64).reshape(shape)
    return _Strata(tuple(tables), groups, chosen, np.array([one.n for one in shares], dtype=np.float64).reshape(shape))


def _difference(strata: _Strata, confidence: float) -> Measurement:
    n, groups = round(float(strata.rows.sum())), strata.groups
    if len(groups) < 2:
        found = f"only '{groups[0]}' is" if groups else "none is"
        return undefined(f"a comparison needs at least two judged groups and {found} judged", n=n)
    sums = _pair_sums(strata)
    apart = np.flatnonzero(sums.weight <= 0)
    if len(apart):
        one, other = groups[sums.first[apart[0]]], groups[sums.second[apart[0]]]
        return undefined(f"'{one}' and '{other}' share no stratum", n=n)
    plain = _pair_interval(sums, confidence)
    widened = _pair_interval(sums, pairwise_confidence(len(groups), confidence))
    gaps = sums.gap / sums.weight
    worst = int(np.abs(gaps).argmax())
    value, pairs = abs(float(gaps[worst])), len(gaps)
    named = (int(sums.first[worst]), int(sums.second[worst]))[:: 1 if gaps[worst] > 0 else -1]
    return Measurement(
        value,
        n,
        min(max(0.0, float(np.maximum(widened.lower, -widened.upper).max())), value),
        max(min(1.0, float(np.maximum(plain.upper, -plain.lower).max())), value),
        confidence,
        METHOD + (f", lower bound Bonferroni over {pairs} pairs" if pairs > 1 else ""),
        lowest=groups[named[1]],
        highest=groups[named[0]],
    )


class _PairSums(NamedTuple):
    """What the interval of every pair of groups needs, summed over the strata they share; float64 [p]."""

    first: Positions
    second: Positions
    gap: Numbers
    weight: Numbers
    slope: Numbers
    spread: Numbers


def _pair_sums(strata: _Strata) -> _PairSums:
    first, second = np.triu_indices(len(strata.groups), k=1)
    gap, weight, slope, spread, shrunk = np.zeros((5, len(first)))
    # Stratum by stratum, so that memory does not grow with strata times pairs.
    for rows, chosen in zip(strata.rows, strata.favourable, strict=True):
        n, m, x, y = rows[first], rows[second], chosen[first], chosen[second]
        together = np.where((n > 0) & (m > 0), n + m, np.inf)
        gap += (x * m - y * n) / together
        weight += n * m / together
        slope += (n**2 * y - m**2 * x + n * m * (m - n) / 2) / together**2
        spread += (x * (m - y) + y * (n - x)) / (2 * together)
        shrunk += ((x + 0.5) * (m - y + 0.5) + (y + 0.5) * (n - x + 0.5)) / (2 * (together + 2))
    # Without any variation within strata Sato's variance is 0; half a row more of each decision keeps it above.
    return _PairSums(first, second, gap, weight, slope, np.where(spread > 0, spread, shrunk))


def _pair_interval(sums: _PairSums, confidence: float) -> Interval:
    """Klingenberg's bounds on the stratum-weighted difference, first minus second, of every pair."""
    value = sums.gap / sums.weight
    z_squared = (normal_quantile(confidence) / sums.weight) ** 2
    middle = value + z_squared * sums.slope / 2
    half = np.sqrt(np.maximum(middle**2 - value**2 + z_squared * sums.spread, 0.0))
    return Interval(middle - half, middle + half)


def _cochran_mantel_haenszel(strata: _Strata, confidence: float) -> dict[str, Any]:
    left_out = _left_out(strata)
    kept = np.array([name not in left_out for name in strata.names], dtype=bool)
    used = {"strata": int(kept.sum()), "left_out": left_out}
    if not kept.any():
        return {"undefined": "no stratum has two groups and both decisions"} | used
    rows, chosen = strata.rows[kept], strata.favourable[kept]
    excess, variance = _excess(rows, chosen)
    return _test(excess, variance) | _two_groups(strata, rows, chosen, excess, variance, confidence) | used


def _left_out(strata: _Strata) -> dict[str, str]:
    """Strata that say nothing about the groups, with the reason."""
    reasons = {}
    for name, rows, chosen in zip(strata.names, strata.rows, strata.favourable, strict=True):
        if np.count_nonzero(rows) < 2:
            reasons[name] = "fewer than two groups have rows"
        elif chosen.sum() <= 0:
            reasons[name] = "nobody is decided favourably"
        elif chosen.sum() >= rows.sum():
            reasons[name] = "everybody is decided favourably"
    return reasons


def _excess(rows: Numbers, chosen: Numbers) -> tuple[Numbers, Numbers]:
    """Favourable rows per group beyond those expected, [g], and their covariance given the margins, [g, g]."""
    n, m = rows.sum(axis=1), chosen.sum(axis=1)
    part = rows / n[:, None]
    excess = (chosen - m[:, None] * part).sum(axis=0)
    scale = m * (n - m) / np.maximum(n - 1, 1)
    variance = np.diag((scale[:, None] * part).sum(axis=0)) - np.einsum("k,ki,kj->ij", scale, part, part)
    return excess, variance


def _test(excess: Numbers, variance: Numbers) -> dict[str, Any]:
    from scipy.stats import chi2

    freedom = int(np.linalg.matrix_rank(variance, hermitian=True))
    statistic = float(excess @ np.linalg.pinv(variance, rcond=1e-10, hermitian=True) @ excess)
    return {
        "statistic": statistic,
        "degrees_of_freedom": freedom,
        "p_value": float(chi2.sf(statistic, freedom)),
    }


def _two_groups(
    strata: _Strata, rows: Numbers, chosen: Numbers, excess: Numbers, variance: Numbers, confidence: float
) -> dict[str, Any]:
    """Continuity-corrected test and common odds ratio of the first group against the second; empty for more groups."""
    from scipy.stats import chi2

    if len(strata.groups) != 2:
        return {}
    distance = abs(float(excess[0]))
    corrected = (distance - min(0.5, distance)) ** 2 / float(variance[0, 0])
    return {
        "corrected_statistic": corrected,
        "corrected_p_value": float(chi2.sf(corrected, 1)),
        "odds_ratio": _odds_ratio(rows, chosen, confidence).to_dict(),
        "group": strata.groups[0],
        "against": strata.groups[1],
    }


def _odds_ratio(rows: Numbers, chosen: Numbers, confidence: float) -> Measurement:
    n = rows.sum(axis=1)
    (a, c), (b, d) = chosen.T, (rows - chosen).T
    for_first, for_second = a * d / n, b * c / n
    numerator, denominator = float(for_first.sum()), float(for_second.sum())
    total = round(float(n.sum()))
    if numerator <= 0 or denominator <= 0:
        return undefined("in every stratum one group is always or never decided favourably", n=total)
    alike, unlike = (a + d) / n, (b + c) / n
    variance = (
        float((alike * for_first).sum()) / (2 * numerator**2)
        + float((alike * for_second + unlike * for_first).sum()) / (2 * numerator * denominator)
        + float((unlike * for_second).sum()) / (2 * denominator**2)
    )
    value, factor = numerator / denominator, float(np.exp(normal_quantile(confidence) * variance**0.5))
    return Measurement(
        value, total, value / factor, value * factor, confidence, "Mantel-Haenszel, Robins-Breslow-Greenland variance"
    )


def conditional_demographic_disparity(
    tables: Mapping[str, CountTable], favourable: Favourable, confidence: float
) -> dict[str, Measurement]:
    """Measure, per group, its share of unfavourable minus its share of favourable decisions, the mean over strata.

    Parameters as for :func:`conditional_disparity`.

    Returns
    -------
    dict[str, Measurement]
        By group, in [−1, 1]; above 0 where a group has a larger share of the unfavourable decisions. Strata without
        both decisions are left out; undefined where none is left. `n` counts the rows of the strata used.
    """
    strata = _strata(tables, favourable)
    chosen, refused = strata.favourable, strata.rows - strata.favourable
    used = (chosen.sum(axis=1) > 0) & (refused.sum(axis=1) > 0)
    if not used.any():
        nothing = undefined("no stratum has both decisions", n=round(float(strata.rows.sum())))
        return dict.fromkeys(strata.groups, nothing)
    chosen, refused, rows = chosen[used], refused[used], strata.rows[used].sum(axis=1)
    m, u = chosen.sum(axis=1, keepdims=True), refused.sum(axis=1, keepdims=True)
    weight = (rows / rows.sum())[:, None]
    by_stratum = refused / u - chosen / m
    bounds = newcombe_difference(refused, u, chosen, m, confidence)
    value = (weight * by_stratum).sum(axis=0)
    below, above = (
        np.sqrt((weight**2 * part**2).sum(axis=0)) for part in (by_stratum - bounds.lower, bounds.upper - by_stratum)
    )
    interval = Interval(np.maximum(value - below, -1.0), np.minimum(value + above, 1.0))
    method = "weighted square-and-add of Newcombe intervals by stratum"
    return {
        name: Measurement(
            float(value[at]),
            round(float(rows.sum())),
            float(interval.lower[at]),
            float(interval.upper[at]),
            confidence,
            method,
        )
        for at, name in enumerate(strata.groups)
    }
