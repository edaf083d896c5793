"""Judging from counts: what follows from a count table can be bounded at any confidence, and has p-values.

Two kinds of measurements do: comparisons between the judged groups of an attribute (largest gap, worst ratio) and
shares of rows. Each has an interval at any confidence; the *p-value of failing*, which is the level (1 − confidence) at
which the interval's better end would reach the limit; and the number of rows at which the verdict would be decided.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from apps.ml.errors import BadInputError
from apps.ml.evaluation.fairness.comparisons import comparison_shares
from apps.ml.evaluation.gates.paths import Leaf
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.shares.extremes import gap_p_value, largest_gap, ratio_p_value, worst_ratio
from apps.ml.evaluation.statistics.shares.intervals import normal_quantile, wilson
from apps.ml.evaluation.statistics.shares.rates import RATES, Favourable, GroupShares, rate_named, shares_of
from apps.ml.evaluation.statistics.shares.sample_size import rows_to_decide

Direction = Literal["at_least", "at_most"]
AGREEMENT = 1e-6
"""Files hold ten digits; a value that differs from its counts by more was measured on other rows."""


class Counted(Protocol):
    """A measurement that follows from counts."""

    @property
    def value(self) -> float:
        """The estimate."""

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Return lower and upper bound at a confidence in (0, 1)."""

    def p_value(self, direction: Direction, limit: float) -> float | None:
        """Return the p-value of failing, in [0, 1]; None where the direction has none."""

    def rows_to_decide(self, limit: float, confidence: float) -> int | None:
        """Return the rows at which the limit would leave the interval if the shares stayed; None where never."""


@dataclass(frozen=True)
class CountedComparison:
    """The largest gap or the worst ratio between the groups of one or more rates; `rows` of all these groups."""

    kind: Literal["gap", "ratio"]
    rates: tuple[GroupShares, ...]
    rows: int

    @property
    def value(self) -> float:
        """See :class:`Counted`."""
        return self._bounded(0.5)[0]

    def bounds(self, confidence: float) -> tuple[float, float]:
        """See :class:`Counted`."""
        _, lower, upper = self._bounded(confidence)
        return lower, upper

    def p_value(self, direction: Direction, limit: float) -> float | None:
        """See :class:`Counted`; none for a least gap or a highest ratio, which nobody asks for."""
        if (self.kind, direction) == ("gap", "at_most"):
            return gap_p_value(self.rates, limit)
        if (self.kind, direction) == ("ratio", "at_least"):
            return ratio_p_value(self.rates, limit)
        return None

    def rows_to_decide(self, limit: float, confidence: float) -> int | None:
        """See :class:`Counted`; rows of the groups, of which those that the rates are shares of stay the same part."""
        among = rows_to_decide(self.rates, self.kind, limit, confidence)
        return None if among is None else math.ceil(among * self.rows / sum(float(rate.n.sum()) for rate in self.rates))

    def _bounded(self, confidence: float) -> tuple[float, float, float]:
        bounded = (largest_gap if self.kind == "gap" else worst_ratio)(self.rates, confidence)
        return bounded.value, bounded.lower, bounded.upper


@dataclass(frozen=True)
class CountedShare:
    """A share of rows; both numbers are fractions of rows where rows are weighted. `n` is above 0."""

    successes: float
    n: float

    @property
    def value(self) -> float:
        """See :class:`Counted`."""
        return self.successes / self.n

    def bounds(self, confidence: float) -> tuple[float, float]:
        """See :class:`Counted`; Wilson's interval."""
        interval = wilson(self.successes, self.n, confidence)
        return float(interval.lower), float(interval.upper)

    def p_value(self, direction: Direction, limit: float) -> float | None:
        """See :class:`Counted`; two-sided p of the score test, which Wilson's interval inverts."""
        beyond = self.value < limit if direction == "at_least" else self.value > limit
        if not beyond:
            return 1.0
        deviation = math.sqrt(max(limit * (1 - limit), 0.0) / self.n)
        if deviation == 0:
            return 0.0
        return math.erfc(abs(self.value - limit) / deviation / math.sqrt(2))

    def rows_to_decide(self, limit: float, confidence: float) -> int | None:
        """See :class:`Counted`; the rows at which the score test has exactly this level."""
        distance = self.value - limit
        if distance == 0:
            return None
        z = normal_quantile(confidence)
        return math.ceil(round(z * z * max(limit * (1 - limit), 0.0) / distance**2, 6))


@dataclass(frozen=True)
class CountedFairness:
    """The count tables of all attributes, with the names of their judged groups.

    `tables`: attribute → counts of all its groups. `judged`: attribute → names of the groups that enter comparisons.
    """

    tables: Mapping[str, CountTable]
    judged: Mapping[str, tuple[str, ...]]
    favourable: Favourable

    @staticmethod
    def of(
        counts: Mapping[str, Mapping[str, Any]], fairness: Mapping[str, Any], favourable: Favourable
    ) -> "CountedFairness":
        """Read the record's counts; which groups are judged is what the fairness section says, else all with rows."""
        tables = {name: CountTable.from_dict(content) for name, content in counts.items()}
        judged = {name: _judged(table, fairness.get(name, {}).get("groups")) for name, table in tables.items()}
        return CountedFairness(tables, judged, favourable)

    def find(self, leaf: Leaf) -> Counted | None:
        """Return what the counts say about a defined measurement, None where it does not follow from them.

        Raises
        ------
        BadInputError
            The counts give another value than the measurement has: they tell of other rows.
        """
        counted = self._comparison(leaf) or self._group_rate(leaf)
        if counted is not None and leaf.value is not None and abs(counted.value - leaf.value) > AGREEMENT:
            raise BadInputError(
                f"'{leaf.path}' is {leaf.value:.6g}, but the counts give {counted.value:.6g}: they tell of other rows. "
                "Run `dvc repro` so that both are written together."
            )
        return counted

    def _comparison(self, leaf: Leaf) -> Counted | None:
        match leaf.keys:
            case ("fairness", attribute, name) if attribute in self.tables:
                table = self.tables[attribute].select(self.judged[attribute])
                found = comparison_shares(name, table, self.favourable)
                return None if found is None else CountedComparison(found[0], tuple(found[1]), table.rows)
        return None

    def _group_rate(self, leaf: Leaf) -> Counted | None:
        match leaf.keys:
            case ("fairness", attribute, "groups", group, name) if attribute in self.tables and is_rate(name):
                shares = shares_of(self.tables[attribute].select([group]), rate_named(name, self.favourable))
                return CountedShare(float(shares.successes[0]), float(shares.n[0])) if shares.n[0] > 0 else None
        return None


def counted_share(leaf: Leaf) -> Counted | None:
    """Return a share of unweighted rows by its own numerator and denominator, None where it has none."""
    if leaf.numerator is None or not leaf.denominator or leaf.denominator != leaf.n:
        return None
    if leaf.value is None or abs(leaf.numerator / leaf.denominator - leaf.value) > AGREEMENT:
        return None
    return CountedShare(leaf.numerator, leaf.denominator)


def is_rate(name: str) -> bool:
    """Whether a measurement of a group is a rate of its count table."""
    return name == "favourable_rate" or name in RATES


def _judged(table: CountTable, groups: Mapping[str, Any] | None) -> tuple[str, ...]:
    if groups is None:
        return tuple(np.array(table.groups, dtype=object)[table.sizes > 0])
    return tuple(name for name in table.groups if groups.get(name, {}).get("judged") is True)
