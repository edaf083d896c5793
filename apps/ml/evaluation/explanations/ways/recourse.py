"""What a way to the favourable decision costs the groups of an attribute."""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.rates import share

PERMUTATIONS = 26
"""Stream of randomness that permutes groups."""


def recourse_of_group(costs: FloatArray, confidence: float) -> dict[str, Any]:
    """Measure what ways cost the sampled rows of one group.

    Parameters
    ----------
    costs : float64 [n], in robust deviations; infinite where none was found
    confidence : float in (0, 1)

    Returns
    -------
    dict
        `median_cost` and `none_found`, the share of rows without a way, with a Wilson interval.
    """
    none = int(np.isinf(costs).sum())
    return {
        "n": len(costs),
        "median_cost": median_cost(costs, confidence).to_dict(),
        "none_found": share(none, len(costs), confidence, "no row was sampled").to_dict(),
    }


def median_cost(costs: FloatArray, confidence: float) -> Measurement:
    """Measure the median of costs, a row without a way counting as dearer than every other.

    The interval is made of two of the ordered costs; it holds whatever their distribution, at `confidence` or more.
    Both bounds are absent where there are too few rows for it, the upper one also where it falls on a row without a
    way. Undefined for no rows, and where no way was found for half of them or more.

    References
    ----------
    Conover (1999), Practical Nonparametric Statistics, section 3.2 (confidence interval of a quantile).

    Examples
    --------
    >>> median_cost(np.array([1.0, 2.0, np.inf]), 0.95).value
    2.0
    """
    from scipy.stats import binom

    n = len(costs)
    if n == 0:
        return undefined("no row was sampled")
    ordered = np.sort(costs)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    if np.isinf(middle):
        return undefined("no way was found for half of the rows or more", n=n)
    rank = int(binom.ppf((1 - confidence) / 2, n, 0.5))
    if rank == 0:
        return Measurement(float(middle), n, method="median; too few rows for an interval")
    upper = float(ordered[n - rank])
    return Measurement(
        float(middle),
        n,
        float(ordered[rank - 1]),
        upper if np.isfinite(upper) else None,
        confidence,
        "median, interval of ordered costs" + ("" if np.isfinite(upper) else "; without an upper bound"),
    )


def rank_difference(costs: FloatArray, group: npt.NDArray[np.int64], replicates: int, seed: int) -> dict[str, Any]:
    """Test whether all groups find ways at the same cost: the permutation p-value of the Kruskal-Wallis statistic.

    Parameters
    ----------
    costs : float64 [n]; infinite costs are equal to each other and above all others
    group : int64 [n], 0 to g − 1
    replicates : int, number of permutations
    seed : int

    Returns
    -------
    dict
        `p_value` and `method`, or `undefined` with the reason for fewer than two groups.

    References
    ----------
    Kruskal and Wallis (1952), Use of ranks in one-criterion variance analysis, JASA 47.
    """
    from scipy.stats import rankdata

    sizes = np.bincount(group)
    if np.count_nonzero(sizes) < 2:
        return {"undefined": "fewer than two groups are judged"}
    ranks = rankdata(costs)
    generator = np.random.default_rng([seed, PERMUTATIONS])
    found = _between(ranks, group, sizes)
    chance = np.array([_between(generator.permutation(ranks), group, sizes) for _ in range(replicates)])
    p_value = (1 + int(np.sum(chance >= found * (1 - 1e-12)))) / (1 + replicates)
    return {"p_value": p_value, "method": f"Kruskal-Wallis statistic, {replicates} permutations of the ranks"}


def _between(ranks: FloatArray, group: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> float:
    sums = np.bincount(group, weights=ranks, minlength=len(sizes))
    return float(np.sum(sums[sizes > 0] ** 2 / sizes[sizes > 0]))
