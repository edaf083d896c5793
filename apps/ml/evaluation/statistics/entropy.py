"""Generalised entropy: how unequally decisions benefit people, in total, between groups and within them.

Definitions
-----------
The *benefit* of a row is b = ŷ − y + 1, where 1 is the favourable outcome: 1 for a right decision, 2 for one that is
kinder than the truth, 0 for one that is harsher. With μ the mean benefit and x = b / μ, the index is the mean of

- φ(x) = (x^α − 1) / (α(α − 1)) for α other than 0 and 1,
- φ(x) = x ln x for α = 1 (Theil's index; 0 ln 0 = 0),
- φ(x) = −ln x for α = 0 (mean logarithmic deviation).

*Between*: the index if everybody had the mean benefit of their group. *Within*: what is left, Σ (n_g / n)(mean of φ in
the group − φ(μ_g / μ)). Between + within = total. For α ≤ 0 one row with benefit 0 makes the index infinite: undefined.

Intervals
---------
Group sizes are taken as given. Each group's shares of benefits are drawn from the Dirichlet distribution of its counts,
plus one row spread like all rows and its part of Jeffreys' ½ a benefit, so that no error at all does not mean no
uncertainty. Total and within have the equal-tailed interval of the draws. *Within* is too small by the noise that
*between* holds, once in the estimate and once more in the draws; its upper bound is raised by twice the mean of it.

*Between* is above 0 at parity, because noise never cancels in it. Its root is nearly a length, so its lower bound is
(√between − √q)², q being the quantile of *between* in draws whose group means are moved to a common mean, and 0 where
√q is larger.

Simulated at 95 %, 60 to 6,000 rows in 2 to 10 groups: the total covers .92 to .97, between .93 and more, within .92 and
more, misses of the last mostly above with groups of 30.

References
----------
Speicher, Heidari, Grgic-Hlaca, Gummadi, Singla, Weller and Zafar (2018), A unified approach to quantifying algorithmic
unfairness, KDD, sections 2 and 3. Shorrocks (1980), The class of additively decomposable inequality measures,
Econometrica 48. Brown, Cai and DasGupta (2001), Interval estimation for a binomial proportion, Statistical Science 16
(coverage of Jeffreys' interval).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.rates import Favourable

Numbers = npt.NDArray[np.float64]

BENEFITS = np.array([0.0, 1.0, 2.0])
"""Benefits that occur: harsher than the truth, right, kinder than the truth."""

METHOD = "equal-tailed interval of seeded Dirichlet draws by group"
BETWEEN_METHOD = "seeded Dirichlet draws by group; lower bound from draws at a common mean"


class Entropy(NamedTuple):
    """Generalised entropy of all rows and its two parts; between + within = total."""

    total: Measurement
    between: Measurement
    within: Measurement


class _Parts(NamedTuple):
    """Between and within, float64 [...]."""

    between: Numbers
    within: Numbers


def generalized_entropy(
    table: CountTable,
    alpha: float,
    confidence: float,
    replicates: int,
    seed: int,
    favourable: Favourable = "positive",
) -> Entropy:
    """Measure how unequally decisions benefit the rows of a table; 0 is equal.

    Parameters
    ----------
    table : CountTable
        With labels. Where rows are weighted, shares are weighted and draws use the effective number of rows.
    alpha : float
        2 weighs all deviations alike (half the squared coefficient of variation), 1 is Theil's index, larger numbers
        weigh benefits above the mean more.
    confidence : float in (0, 1), of each interval
    replicates, seed : int, draws for the intervals
    favourable : which decision is good for the person

    Returns
    -------
    Entropy
        All undefined without rows, without labels, or where the mean benefit is 0; for alpha <= 0 total and within are
        undefined once a benefit is 0, and without bounds otherwise; *between* is undefined once a group's mean is 0.
    """
    occupied = table.select(name for name, n in zip(table.groups, table.sizes, strict=True) if n)
    reason = _why_undefined(occupied, favourable)
    if reason:
        return Entropy(*[undefined(reason, n=table.rows)] * 3)
    masses = _benefit_masses(occupied.mass, favourable)
    sizes = masses.sum(axis=1)
    weights = sizes / sizes.sum()
    found = _parts(masses / sizes[:, None], weights, alpha)
    draws = _drawn_shares(masses, _effective_rows(occupied), weights, replicates, seed)
    noise = _noise_between(draws, masses / sizes[:, None], weights, alpha)
    between = _between(float(found.between), draws, noise, weights, alpha, confidence, table.rows)
    if alpha <= 0:
        return _without_bounds(found, between, masses, table.rows)
    drawn = _parts(draws, weights, alpha)
    return Entropy(
        _bounded(float(found.between + found.within), drawn.between + drawn.within, confidence, table.rows),
        between,
        _bounded(float(found.within), drawn.within, confidence, table.rows, raised=2 * float(noise.mean())),
    )


def _why_undefined(table: CountTable, favourable: Favourable) -> str | None:
    if not table.rows:
        return "there are no rows"
    if not table.labelled:
        return "benefits compare decisions with labels and there are no labels"
    if not (_benefit_masses(table.mass, favourable) @ BENEFITS).any():
        return "the mean benefit is 0: every decision is harsher than the truth"
    return None


def _benefit_masses(mass: npt.NDArray[np.generic], favourable: Favourable) -> Numbers:
    """Rows (or weights) per group with the benefits 0, 1 and 2, float64 [g, 3]."""
    cells = np.asarray(mass, dtype=np.float64)
    right, missed, alarms = cells[:, 0, 0] + cells[:, 1, 1], cells[:, 1, 0], cells[:, 0, 1]
    harsher, kinder = (missed, alarms) if favourable == "positive" else (alarms, missed)
    return np.stack([harsher, right, kinder], axis=1)


def _effective_rows(table: CountTable) -> Numbers:
    if table.squares is None:
        return table.sizes.astype(np.float64)
    rows: Numbers = table.mass.sum(axis=(1, 2)) ** 2 / table.squares.sum(axis=(1, 2))
    return rows


def _drawn_shares(masses: Numbers, rows: Numbers, weights: Numbers, replicates: int, seed: int) -> Numbers:
    """Draw shares of the three benefits per group, float64 [replicates, g, 3]."""
    shares = masses / masses.sum(axis=1, keepdims=True)
    overall = weights @ shares * rows.sum() + 0.5
    concentration = shares * rows[:, None] + 0.5 * weights[:, None] + overall / overall.sum()
    drawn = np.random.default_rng(seed).standard_gamma(concentration, size=(replicates, *concentration.shape))
    result: Numbers = drawn / drawn.sum(axis=2, keepdims=True)
    return result


def _parts(shares: Numbers, weights: Numbers, alpha: float) -> _Parts:
    """Between and within of shares of benefits [..., g, 3] in groups of `weights` [g]."""
    means = shares @ BENEFITS
    overall = (means @ weights)[..., None]
    of_means = _inequality(means / overall, alpha)
    relative = BENEFITS / overall[..., None]
    # A benefit that nobody has does not count, even where its own inequality is infinite.
    terms = np.multiply(shares, _inequality(relative, alpha), out=np.zeros(shares.shape), where=shares > 0)
    of_rows = terms.sum(axis=-1)
    return _Parts(of_means @ weights, _difference(of_rows, of_means) @ weights)


def _difference(one: Numbers, other: Numbers) -> Numbers:
    """Subtract, with an infinite minuend staying infinite."""
    finite = np.where(np.isfinite(other), other, 0.0)
    return one - finite


def _inequality(relative: Numbers, alpha: float) -> Numbers:
    """φ of benefits relative to their mean."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if alpha == 1:
            result = np.where(relative > 0, relative * np.log(relative), 0.0)
        elif alpha == 0:
            result = -np.log(relative)
        else:
            result = (relative**alpha - 1) / (alpha * (alpha - 1))
    return np.asarray(result, dtype=np.float64)


def _bounded(value: float, draws: Numbers, confidence: float, n: int, raised: float = 0.0) -> Measurement:
    value = max(0.0, value)
    lower, upper = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
    lower = 0.0 if value == 0 else min(max(0.0, float(lower)), value)
    return Measurement(value, n, lower, max(float(upper) + raised, value), confidence, METHOD)


def _between(
    value: float, draws: Numbers, noise: Numbers, weights: Numbers, alpha: float, confidence: float, n: int
) -> Measurement:
    if not np.isfinite(value):
        return undefined(f"with α = {alpha:g} a group whose mean benefit is 0 makes the index infinite", n=n)
    value = max(0.0, value)
    if len(weights) == 1:
        return Measurement(value, n, 0.0, 0.0, confidence, "one group")
    far = float(np.quantile(noise, 0.5 + confidence / 2))
    upper = float(np.quantile(_of_means(draws @ BENEFITS, weights, alpha), 0.5 + confidence / 2))
    lower = max(0.0, value**0.5 - far**0.5) ** 2
    return Measurement(value, n, lower, max(upper, value), confidence, BETWEEN_METHOD)


def _noise_between(draws: Numbers, shares: Numbers, weights: Numbers, alpha: float) -> Numbers:
    """*Between* of draws whose group means are moved to a common mean: what noise alone makes of it, [replicates]."""
    observed = shares @ BENEFITS
    moved = draws @ BENEFITS - observed + weights @ observed
    return np.maximum(0.0, _of_means(np.maximum(moved, 1e-9), weights, alpha))


def _of_means(means: Numbers, weights: Numbers, alpha: float) -> Numbers:
    """Index of groups of `weights` whose members all have the mean benefit, float64 [replicates]."""
    return _inequality(means / (means @ weights)[..., None], alpha) @ weights


def _without_bounds(found: _Parts, between: Measurement, masses: Numbers, n: int) -> Entropy:
    harsher = float(masses[:, 0].sum())
    if harsher > 0:
        nothing = undefined("for α ≤ 0 a decision that is harsher than the truth makes the index infinite", n=n)
        return Entropy(nothing, between, nothing)
    why = "no interval: for α ≤ 0 a single decision harsher than the truth would make the index infinite"
    total, within = (max(0.0, float(part)) for part in (found.between + found.within, found.within))
    return Entropy(Measurement(total, n, method=why), between, Measurement(within, n, method=why))
