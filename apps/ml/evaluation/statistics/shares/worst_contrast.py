"""The lower bound of the largest contrast between groups: what a FAIL rests on.

The largest of several contrasts was picked after looking, so its own interval is too short. The bound here inverts a
test. For a supposed largest contrast d it asks which pairs can lie at d at all, and how far beyond d the pairs may then
show themselves by chance:

1. *Selection.* Upper bounds u of all contrasts hold together but for :data:`SELECTION_SHARE` of the permitted error. A
   pair with u < d cannot reach d; it keeps a slack of (d − u) standard errors.
2. *Geometry.* Groups that differ by d from one another stand at two ends. Of k groups at most ⌊k²/4⌋ ordered pairs can
   do so at once, not k(k − 1); a group that is apart from all others makes k − 1.
3. *Correlation.* Pairs that share a group miss together. That is integrated over the shared group.
4. *The other end.* The upper bound misses only if every pair at d misses downwards, which several pairs seldom do; what
   it does not use of the permitted error is free for the lower bound.

d is the largest lower bound of any pair at a quantile c, so the search is over c alone, from a value that is certainly
large enough downwards until the permitted error would be exceeded. Everything is closed form or a sum over a fixed
grid; the same counts give the same bound.

References
----------
Romano, Shaikh and Wolf (2014), A practical two-step method for testing moment inequalities, Econometrica 82.
Slepian (1962), The one-sided barrier problem for Gaussian noise, Bell System Technical Journal 41 (correlation).
docs/ml/fairness_inference.md derives each step and shows the simulated coverage.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.shares.contrasts import Contrasts
from apps.ml.evaluation.statistics.shares.exceedance import miss_probability, upper_quantile

Numbers = npt.NDArray[np.float64]

SELECTION_SHARE = 0.05
"""Part of the permitted error that selection may use: little, because bounds widen slowly as it shrinks."""

FEW_PAIRS = 2
"""Where no more pairs than these can lie at the largest contrast at once, selection cannot pay."""

STEPS, ROUNDS = 10, 3
"""Values of c per round, and rounds: c is found to within a thousandth, on the side that covers."""


def lower_bound_of_largest(contrasts: Sequence[Contrasts], confidence: float) -> float:
    """Bound the largest of all contrasts from below, such that together with :func:`upper_bound_of_largest` it covers.

    Parameters
    ----------
    contrasts : sequence of Contrasts, one per rate; those of different rates are made of different rows
    confidence : float in (0, 1), of both bounds together

    Returns
    -------
    float
        On the scale of the contrasts. At or below 0 (possibly −∞) it says only that parity cannot be excluded. For one
        pair of groups the ordinary lower bound.
    """
    permitted = 1 - confidence
    z = upper_quantile(permitted / 2)
    pairs = sum(len(each.tops) for each in contrasts)
    if pairs == 2:
        return float(_largest_lower(contrasts, np.array([z]))[0])
    selection = SELECTION_SHARE * permitted if sum(each.groups**2 // 4 for each in contrasts) > FEW_PAIRS else 0.0
    ceilings = [_ceiling(each, selection / pairs) for each in contrasts]
    high, low = upper_quantile((permitted - selection) / 2 / pairs), z
    for _ in range(ROUNDS):
        c = np.linspace(high, low, STEPS)
        d = _largest_lower(contrasts, c)
        if d[-1] <= 0:
            return float(d[-1])
        exceeded = miss_probability(contrasts, ceilings, c, d, z) > permitted - selection
        exceeded[0] = False
        if not exceeded.any():
            return float(d[-1])
        first = int(np.argmax(exceeded))
        high, low, bound = c[first - 1], c[first], float(d[first - 1])
    return bound


def upper_bound_of_largest(contrasts: Sequence[Contrasts], confidence: float) -> float:
    """Bound the largest of all contrasts from above: the largest upper bound of any pair, not widened.

    The pair that is truly largest is one fixed pair, and the largest upper bound holds wherever that pair's own does.
    """
    z = np.array([upper_quantile((1 - confidence) / 2)])
    return max(float(each.intervals(z).upper.max()) for each in contrasts)


def _largest_lower(contrasts: Sequence[Contrasts], c: Numbers) -> Numbers:
    """Largest lower bound of any pair at each quantile, [m]."""
    largest: Numbers = np.max([each.intervals(c).lower.max(axis=1) for each in contrasts], axis=0)
    return largest


def _ceiling(contrasts: Contrasts, error: float) -> Numbers:
    """Upper bound of every pair, [pairs], each missing with probability `error`; infinite where that is 0."""
    if error == 0:
        return np.full(len(contrasts.tops), np.inf)
    return contrasts.intervals(np.array([upper_quantile(error)])).upper[0]
