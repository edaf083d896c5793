"""How probable it is that an interval for the largest contrast misses, at worst over where the groups may truly stand.

Write Z for the standardised error of a pair, δ ≥ 0 for its slack (how many standard errors it lies below the largest
contrast), c for the quantile of the lower bounds and z for that of the upper bounds. The interval misses below where
some Z > c + δ and above where every Z < δ − z. Both are bounded here for given counts, over all slacks that the
selection of :mod:`apps.ml.evaluation.statistics.shares.worst_contrast` leaves.

All arrays have one entry per value of c, [m], or one per c and pair, [m, pairs].
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.shares.contrasts import Contrasts

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NEAR = 0.5
"""A pair with less slack than this counts as one that may lie at the largest contrast."""

LARGEST_LOADING = 0.95
"""Pairs are taken as no more correlated than the square of this; less correlation misses more often (Slepian)."""

SECOND_SLACKS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, np.inf)
"""Slacks of the second-nearest pair at which both sides' errors are added up."""

_STEP = 0.3
_NODES = np.arange(-4.0, 7.01, _STEP)
_DENSITY = np.exp(-(_NODES**2) / 2) / np.sqrt(2 * np.pi) * _STEP
_LEGENDRE, _WEIGHTS = np.polynomial.legendre.leggauss(8)


class Reach(NamedTuple):
    """What the pairs of one rate may contribute at each c.

    `binding` bounds the probability that a pair at the largest contrast exceeds c, `pairs_binding` their number;
    `slack` [m, pairs] is that of all others (infinite for those counted as binding) and `exceed` [m, pairs] their
    probability to exceed; `correlation` is the largest between two pairs, `smallest_error` a standard error.
    """

    binding: Numbers
    pairs_binding: Whole
    slack: Numbers
    exceed: Numbers
    correlation: Numbers
    smallest_error: Numbers


def miss_probability(
    contrasts: Sequence[Contrasts], ceilings: Sequence[Numbers], c: Numbers, d: Numbers, z: float
) -> Numbers:
    """Bound the probability that either bound misses if the largest contrast is d, [m].

    Parameters
    ----------
    contrasts, ceilings : one per rate; upper bounds of every pair that hold together, [pairs], infinite without
    c, d : float64 [m]
        Quantile of the lower bounds, and the largest contrast that is supposed.
    z : float
        Quantile of the upper bounds.
    """
    reaches = [_reach(each, ceiling, c, d) for each, ceiling in zip(contrasts, ceilings, strict=True)]
    correlation = np.max([reach.correlation for reach in reaches], axis=0)
    # Below this d no contrast is estimated so far below d that the upper bound misses: its mirror image would exceed.
    above_possible = d > z * np.min([reach.smallest_error for reach in reaches], axis=0)
    worst = np.zeros(len(c))
    for slack in SECOND_SLACKS:
        above = np.where(above_possible, both_below(z, z - slack, correlation), 0.0)
        worst = np.maximum(worst, _below(reaches, c, slack) + above)
    return worst


def _below(reaches: Sequence[Reach], c: Numbers, slack: float) -> Numbers:
    """Probability that the lower bound misses if one pair has no slack and no other has less than `slack`."""
    apart = upper_tail(c + slack)
    total = upper_tail(c) - apart
    for reach in reaches:
        binding = reach.binding if slack == 0 else np.minimum(reach.binding, reach.pairs_binding * apart)
        others = np.where(reach.slack < slack, np.minimum(reach.exceed, apart[:, None]), reach.exceed)
        total = total + binding + others.sum(axis=1)
    return total


def _reach(contrasts: Contrasts, ceiling: Numbers, c: Numbers, d: Numbers) -> Reach:
    slack = np.maximum((d[:, None] - ceiling) / contrasts.errors, 0.0)
    near = slack < NEAR
    above, below = _degrees(contrasts, near)
    binding, pairs_binding = _binding(contrasts, near, above, below, c)
    # Near pairs that cannot bind beside the others have both groups at one end: a slack of d. Least exact first.
    rank = np.cumsum(near, axis=1)
    beside = near & (rank <= near.sum(axis=1, keepdims=True) - pairs_binding[:, None])
    of_near = np.where(beside, np.maximum(d, 0.0)[:, None] / contrasts.errors, np.inf)
    slack = np.where(near, of_near, slack)
    active = above + below > 0
    widest = np.where(active, contrasts.spread, 0.0).max(axis=1)
    narrowest = np.where(active, contrasts.spread, np.inf).min(axis=1)
    correlation = widest**2 / (widest**2 + narrowest**2)
    smallest = np.where(near, contrasts.errors, np.inf).min(axis=1)
    return Reach(binding, pairs_binding, slack, upper_tail(c[:, None] + slack), correlation, smallest)


def _degrees(contrasts: Contrasts, near: Flags) -> tuple[Whole, Whole]:
    """Of how many near pairs each group is the top, and of how many the bottom; [m, groups] each."""
    square = np.zeros((len(near), contrasts.groups, contrasts.groups), dtype=bool)
    square[:, contrasts.tops, contrasts.bottoms] = near
    return square.sum(axis=2), square.sum(axis=1)


def _binding(contrasts: Contrasts, near: Flags, above: Whole, below: Whole, c: Numbers) -> tuple[Numbers, Whole]:
    """Probability that a binding pair exceeds c, and how many bind, at worst over the groups that stand at the top."""
    groups = contrasts.groups
    active = (above + below > 0).sum(axis=1)
    of_tops, of_bottoms = _pairs_across(above, active), _pairs_across(below, active)
    leaves = np.broadcast_to(np.arange(groups), (len(c), groups))
    by_top = _summed(star(leaves, c, _least_loading(contrasts, contrasts.tops, near)), of_tops)
    by_bottom = _summed(star(leaves, c, _least_loading(contrasts, contrasts.bottoms, near)), of_bottoms)
    # With t groups at the top, the other active ones are at the bottom.
    at_bottom = np.maximum(active[:, None] - np.arange(groups + 1), 0)
    binding = np.minimum(by_top, np.take_along_axis(by_bottom, at_bottom, axis=1)).max(axis=1)
    counted = np.minimum(of_tops.sum(axis=2), np.take_along_axis(of_bottoms.sum(axis=2), at_bottom, axis=1))
    return binding, counted.max(axis=1)


def _pairs_across(degrees: Whole, active: Whole) -> Whole:
    """Bound the near pairs of each group across a cut, for every number of groups on this side.

    Returns int64 [m, groups + 1, groups], the groups with the most near pairs first.

    A group on this side has at most as many as it has near pairs, and as there are groups on the other side; those with
    the most near pairs are on this side, and those that are not have none.
    """
    most = -np.sort(-degrees, axis=1)
    groups = most.shape[1]
    here = np.arange(groups + 1)
    other = np.clip(active[:, None] - here, 0, groups - 1)
    on_this_side = np.arange(groups) < here[:, None]
    return np.minimum(most[:, None, :], other[:, :, None]) * on_this_side


def _summed(worth: Numbers, across: Whole) -> Numbers:
    """Add up what each group's pairs across are worth, `worth` [m, groups] being that of 0, 1, 2, … pairs."""
    rows = np.arange(len(worth))[:, None, None]
    total: Numbers = worth[rows, across].sum(axis=2)
    return total


def _least_loading(contrasts: Contrasts, shared: npt.NDArray[np.intp], near: Flags) -> Numbers:
    """Smallest correlation of a near pair with the group it shares with others, [m]."""
    loading = contrasts.spread[shared] / contrasts.errors
    return np.minimum(np.where(near, loading, np.inf).min(axis=1), LARGEST_LOADING)


def star(leaves: npt.NDArray[np.int64], c: Numbers, loading: Numbers) -> Numbers:
    """Return the probability that the largest of `leaves` [m, a] normal draws exceeds c [m]; result [m, a].

    Any two of the draws are correlated by `loading`² [m], as differences from one group are: given that group's own
    error they are independent, so one sum over that error is enough.
    """
    from scipy.special import ndtr

    given = (c[:, None] - loading[:, None] * _NODES) / np.sqrt(1 - loading[:, None] ** 2)
    log_within = np.log(np.maximum(ndtr(given), 1e-300))
    exceeds: Numbers = -np.expm1(leaves[:, :, None] * log_within[:, None, :]) @ _DENSITY
    return exceeds


def both_below(first: float, second: float, correlation: Numbers) -> Numbers:
    """Return P(X < −first, Y < −second) for standard normal X and Y with each correlation >= 0, [m].

    References
    ----------
    Plackett (1954), A reduction formula for normal multivariate integrals, Biometrika 41.
    """
    alone, other = upper_tail(np.array(first)), upper_tail(np.array(second))
    if np.isinf(second):
        return np.full(len(correlation), alone if second < 0 else 0.0)
    angle = np.arcsin(np.minimum(correlation, 0.9999))[:, None]
    at = angle / 2 * (_LEGENDRE + 1)
    density = np.exp(-(first**2 + second**2 - 2 * first * second * np.sin(at)) / (2 * np.cos(at) ** 2))
    joint = alone * other + (density @ _WEIGHTS) * angle[:, 0] / (4 * np.pi)
    return np.minimum(joint, min(alone, other))


def upper_tail(x: Numbers) -> Numbers:
    """Return the probability that a standard normal draw exceeds x."""
    from scipy.special import ndtr

    tail: Numbers = ndtr(-x)
    return tail


def upper_quantile(probability: float) -> float:
    """Return the number that a standard normal draw exceeds with that probability."""
    from scipy.special import ndtri

    return float(-ndtri(probability))
