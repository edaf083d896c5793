"""The multipliers of :mod:`apps.ml.models.parts.blind_adjustment`: a convex problem, corrected by what labels show.

By the model's own probabilities the best multipliers λ within tolerances ε_r minimise

    mean(max(0, η - t - Σ_r Σ_a λ_ra g_ra)) - Σ_r Σ_a λ_ra δ_ra + Σ_r (ε_r / 2) Σ_a |λ_ra|,   Σ_a λ_ra = 0 for each r,

where g are the rate terms: the dual of maximising the worth of decisions while the rates of any two groups, δ added,
stay within ε_r of each other. It is piecewise linear and has few variables, so cutting planes end at the minimum; cuts
of the first term hold for every δ and are kept. Rates that are counted by labels differ a little from modelled ones; δ
is the difference at the last decisions, so that in the end the counted rates obey the tolerance.

References
----------
Kelley (1960), The cutting-plane method for solving convex programs, Journal of SIAM 8.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.ml.models.mitigation.gaps import COMPARED, Bits, rates
from apps.ml.models.mitigation.request import Codes, Numbers
from apps.ml.models.parts.blind_adjustment import moved_scores
from apps.ml.parameters import Constraint

CORRECTIONS = 12
DAMPING = 0.7
"""How much of a newly found difference between counted and modelled rates is taken over."""

MOST_CUTS = 400
BOX = 4.0
"""Multipliers are looked for within this many shares of their group; at the edge, within four times as many."""

LARGEST_BOX = 4.0**6
NEARLY = 3.0
"""Rows of the smallest group by which a rate may exceed its aim before the aim itself is lowered by the excess."""

SETTLED = 1e-4
"""Change of the difference between counted and modelled rates at which corrections end."""

PRECISION = 1e-6
"""Of the minimum, in rows."""


@dataclass(frozen=True)
class CalibrationRows:
    """Rows with a known group: what the rule is fitted to.

    `scores` float64 [n], `labels` int8 [n], `codes` int64 [n] from 0 to groups - 1, `terms` float64 [rates, n, groups],
    `units` float64 [rates, groups]: the shares by which terms were divided. `prices`: float64 [n], what a row weighs.
    """

    constraint: Constraint
    threshold: float
    scores: Numbers
    labels: Bits
    codes: Codes
    terms: Numbers
    units: Numbers
    prices: Numbers

    def decisions(self, multipliers: Numbers) -> Bits:
        """Return int8 [n]: what the rule decides."""
        return (moved_scores(self.scores, self.terms, multipliers) >= self.threshold).astype(np.int8)

    def worth(self, decisions: Bits) -> float:
        """Return the mean worth of a row's decision: that of a decision 1 at label y is y less the threshold."""
        return float(np.mean(self.prices * decisions * (self.labels - self.threshold)))

    def steps(self) -> Numbers:
        """Return float64 [rates]: by how much one row moves the rate of the smallest group."""
        cells = np.bincount(2 * self.codes + self.labels, minlength=2 * self.units.shape[1]).reshape(-1, 2)
        counts = {"true_positive_rate": cells[:, 1], "false_positive_rate": cells[:, 0], "selection_rate": cells.sum(1)}
        return np.array([1.0 / float(counts[name].min()) for name in COMPARED[self.constraint]])

    def counted(self, decisions: Bits) -> Numbers:
        """Return float64 [rates, groups]: the rates that the labels show."""
        found = rates(self.labels, decisions, self.codes, self.units.shape[1])
        return np.array([found[name] for name in COMPARED[self.constraint]])


@dataclass(frozen=True)
class BlindRule:
    """Multipliers float64 [rates, groups]; what they do to the rows.

    `excess`: by how much the counted rates exceed what was aimed at, not below 0. `worth`: mean worth of a decision.
    """

    multipliers: Numbers
    excess: float
    worth: float


def fitted_rule(rows: CalibrationRows, aims: tuple[float, ...]) -> BlindRule:
    """Return the most worthwhile of up to twelve corrected rules whose counted rates keep to the aims.

    Where none does, the one that exceeds them least.
    """
    dual, limits, steps = _Dual(rows), np.array(aims), rows.steps()
    shift, aimed, tried = np.zeros_like(rows.units), limits, []
    for _ in range(CORRECTIONS):
        multipliers = dual.minimum(shift, aimed)
        decisions = rows.decisions(multipliers)
        counted = rows.counted(decisions)
        over = np.maximum(np.ptp(counted, axis=1) - limits, 0.0)
        tried.append(BlindRule(multipliers, float(over.max()), rows.worth(decisions)))
        modelled = np.mean(rows.terms * (rows.prices * decisions)[None, :, None], axis=1)
        found = counted - modelled
        change = found - found.mean(axis=1, keepdims=True) - shift
        if over.max() == 0.0 and np.abs(change).max() < SETTLED:
            break
        shift = shift + DAMPING * change
        aimed = np.where(over <= NEARLY * steps, np.maximum(aimed - over, 0.0), aimed)
    return min(tried, key=lambda rule: (rule.excess, -rule.worth))


class _Dual:
    """The convex problem in free coordinates: for each rate, the multipliers of all groups but the last, in shares.

    All numbers are sums over rows and not means: the solver's tolerances are absolute.
    """

    def __init__(self, rows: CalibrationRows) -> None:
        count, groups = rows.units.shape
        self._basis = np.zeros((count * groups, count * (groups - 1)))
        for rate in range(count):
            for group in range(groups - 1):
                column = rate * (groups - 1) + group
                self._basis[rate * groups + group, column] = rows.units[rate, group]
                self._basis[rate * groups + groups - 1, column] = -rows.units[rate, group]
        self._shape = (count, groups)
        self._margin = rows.prices * (rows.scores - rows.threshold)
        flat = np.concatenate(list(rows.terms), axis=1) * rows.prices[:, None]
        self._terms = flat @ self._basis
        self._rows = len(rows.scores)
        self._costs = np.zeros(count * groups)
        self._cuts: list[Numbers] = []
        self._at = np.zeros(self._basis.shape[1])
        self._box = BOX

    def minimum(self, shift: Numbers, aims: Numbers) -> Numbers:
        """Return the multipliers [rates, groups] that minimise the problem for δ [rates, groups] and ε [rates]."""
        self._costs = np.repeat(aims / 2.0, self._shape[1]) * self._rows
        gains = self._basis.T @ shift.ravel() * self._rows
        best, lowest = self._at, np.inf
        for _ in range(MOST_CUTS):
            value = self._cut(self._at) - float(gains @ self._at) + float(self._costs @ np.abs(self._basis @ self._at))
            if value < lowest:
                best, lowest = self._at, value
            self._at, bound = self._lowest_of_cuts(gains)
            if lowest - bound <= PRECISION:
                if not self._at_the_edge():
                    break
                self._box *= 4.0
        self._at = best
        return (self._basis @ best).reshape(self._shape)

    def _at_the_edge(self) -> bool:
        return self._box < LARGEST_BOX and bool(np.abs(self._at).max() > self._box * (1.0 - 1e-9))

    def _cut(self, at: Numbers) -> float:
        """Return the first term at a point, and keep its tangent there."""
        margins = self._margin - self._terms @ at
        chosen = margins >= 0.0
        value, slope = float(margins[chosen].sum()), -self._terms[chosen].sum(axis=0)
        self._cuts.append(np.concatenate([slope, [float(slope @ at) - value]]))
        return value

    def _lowest_of_cuts(self, gains: Numbers) -> tuple[Numbers, float]:
        """Minimise with the tangents in place of the first term: the point, and a bound on the minimum.

        Variables: the point, |λ| for each rate and group, and the first term.
        """
        from scipy.optimize import linprog

        free, parts = len(gains), len(self._costs)
        cuts = np.array(self._cuts)
        tangents = np.column_stack([cuts[:, :-1], np.zeros((len(cuts), parts)), -np.ones(len(cuts))])
        sizes = [np.column_stack([sign * self._basis, -np.eye(parts), np.zeros(parts)]) for sign in (1.0, -1.0)]
        found: Any = linprog(
            np.concatenate([-gains, self._costs, [1.0]]),
            A_ub=np.concatenate([*sizes, tangents]),
            b_ub=np.concatenate([np.zeros(2 * parts), cuts[:, -1]]),
            bounds=[(-self._box, self._box)] * free + [(0.0, None)] * (parts + 1),
            method="highs-ds",
        )
        return np.asarray(found.x[:free], dtype=np.float64), float(found.fun)
