"""How far the distributions of numbers in several groups lie apart: statistical parity of numeric predictions.

Definitions
-----------
Kolmogorov-Smirnov distance of two groups: the largest difference, over all z, of the shares of the groups at or below
z; in [0, 1]. Wasserstein distance: the area between the two distribution functions, the mean by which numbers would
have to be moved so that both were distributed alike; in the unit of the numbers. Of several groups the pair that is
furthest apart counts.

Interval of the Kolmogorov-Smirnov distance: with probability 1 − α the true distribution function of a group of n rows
lies within √(ln(2/α) / 2n) of the observed one everywhere, so the distance of two groups moves by at most the sum of
both. The upper bound needs the bands of the one pair that is truly furthest apart, the lower one those of all groups
(Bonferroni), each with half of the error. It holds for every distribution and is wide. The Wasserstein distance has
no interval: without a bound on the numbers none holds, and resamples of equal groups never give 0.

References
----------
Agarwal, Dudík and Wu (2019), Fair regression: quantitative definitions and reduction-based algorithms, ICML, definition
1 (statistical parity). Massart (1990), The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality, Annals of
Probability 18.
"""

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.measurement import Measurement, undefined

Numbers = npt.NDArray[np.float64]
Samples = Mapping[str, Numbers]
"""Group → its numbers, float64 [n] with n > 0."""

BANDS = "Dvoretzky-Kiefer-Wolfowitz bands of the distribution functions, lower bound Bonferroni over groups"
POINT_ESTIMATE = "point estimate: no interval holds without a bound on the numbers"


def kolmogorov_smirnov(one: Numbers, other: Numbers) -> float:
    """Return the distance of two samples.

    Examples
    --------
    1, 2 against 2, 3: at 1 half against none, so .5.
    """
    one, other = np.sort(one), np.sort(other)
    places = np.concatenate([one, other])
    shares = [np.searchsorted(sample, places, side="right") / len(sample) for sample in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def largest_kolmogorov_smirnov(samples: Samples, confidence: float) -> Measurement:
    """Measure the distance of the two groups that are furthest apart; names the one with the lower and higher mean.

    Returns
    -------
    Measurement
        Undefined for fewer than two groups.
    """
    n = sum(len(sample) for sample in samples.values())
    if len(samples) < 2:
        return undefined(_few(samples), n=n)
    error = (1 - confidence) / 2
    upper_band, lower_band = (
        {name: _band(len(sample), part) for name, sample in samples.items()}
        for part in (error / 2, error / len(samples))
    )
    pairs = list(combinations(samples, 2))
    found = {pair: kolmogorov_smirnov(samples[pair[0]], samples[pair[1]]) for pair in pairs}
    lower = max(found[pair] - lower_band[pair[0]] - lower_band[pair[1]] for pair in pairs)
    upper = max(found[pair] + upper_band[pair[0]] + upper_band[pair[1]] for pair in pairs)
    widest = max(pairs, key=lambda pair: found[pair])
    bounds = (max(0.0, lower), min(1.0, upper))
    lowest, highest = _by_mean(samples, widest)
    return Measurement(found[widest], n, *bounds, confidence, BANDS, lowest=lowest, highest=highest)


def largest_wasserstein(samples: Samples) -> Measurement:
    """Measure the distance of the two groups that are furthest apart, without an interval."""
    from scipy.stats import wasserstein_distance

    n = sum(len(sample) for sample in samples.values())
    if len(samples) < 2:
        return undefined(_few(samples), n=n)
    found = {pair: float(wasserstein_distance(samples[pair[0]], samples[pair[1]])) for pair in combinations(samples, 2)}
    widest = max(found, key=lambda pair: found[pair])
    lowest, highest = _by_mean(samples, widest)
    return Measurement(found[widest], n, method=POINT_ESTIMATE, lowest=lowest, highest=highest)


def _band(n: int, error: float) -> float:
    return math.sqrt(math.log(2 / error) / (2 * n))


def _by_mean(samples: Samples, pair: tuple[str, str]) -> tuple[str, str]:
    low, high = sorted(pair, key=lambda name: float(samples[name].mean()))
    return low, high


def _few(samples: Samples) -> str:
    found = f"only '{next(iter(samples))}' is" if samples else "none is"
    return f"a comparison needs at least two judged groups and {found} judged"
