"""The rates that follow from one 2 × 2 block of counts, each a share of rows with its interval or a reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.intervals import WILSON, wilson

Favourable = Literal["positive", "negative"]
Cells = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rate:
    """A share of rows: cells [label, decision] counted above the line among those counted below it.

    `nobody` says what is missing when no row is counted below the line.
    """

    numerator: npt.NDArray[np.int64]
    denominator: npt.NDArray[np.int64]
    nobody: str

    def counts(self, table: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return (numerator, denominator) for counts or sums of weights [..., 2, 2]."""
        return (table * self.numerator).sum(axis=(-2, -1)), (table * self.denominator).sum(axis=(-2, -1))

    @property
    def needs_labels(self) -> bool:
        """Whether it tells rows with the positive event from rows without."""
        return any(bool((mask[0] != mask[1]).any()) for mask in (self.numerator, self.denominator))


def _cells(*outcomes: str) -> npt.NDArray[np.int64]:
    """Mark cells of the block [label, decision] by their usual names."""
    position = {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}
    mask = np.zeros((2, 2), dtype=np.int64)
    for outcome in outcomes:
        mask[position[outcome]] = 1
    return mask


_EVERYBODY = _cells("tn", "fp", "fn", "tp")
_POSITIVES = _cells("fn", "tp")
_NEGATIVES = _cells("tn", "fp")
_CHOSEN = _cells("fp", "tp")
_NOT_CHOSEN = _cells("tn", "fn")
_NO_POSITIVE = "no row has the positive event"
_NO_NEGATIVE = "no row lacks the positive event"
_NONE_CHOSEN = "no row is predicted positive"
_NONE_REJECTED = "no row is predicted negative"
_NO_ROWS = "there are no rows"
NO_LABELS = "there are no labels"

RATES: Mapping[str, Rate] = MappingProxyType(
    {
        "base_rate": Rate(_POSITIVES, _EVERYBODY, _NO_ROWS),
        "selection_rate": Rate(_CHOSEN, _EVERYBODY, _NO_ROWS),
        "true_positive_rate": Rate(_cells("tp"), _POSITIVES, _NO_POSITIVE),
        "false_positive_rate": Rate(_cells("fp"), _NEGATIVES, _NO_NEGATIVE),
        "true_negative_rate": Rate(_cells("tn"), _NEGATIVES, _NO_NEGATIVE),
        "false_negative_rate": Rate(_cells("fn"), _POSITIVES, _NO_POSITIVE),
        "positive_predictive_value": Rate(_cells("tp"), _CHOSEN, _NONE_CHOSEN),
        "negative_predictive_value": Rate(_cells("tn"), _NOT_CHOSEN, _NONE_REJECTED),
        "false_discovery_rate": Rate(_cells("fp"), _CHOSEN, _NONE_CHOSEN),
        "false_omission_rate": Rate(_cells("fn"), _NOT_CHOSEN, _NONE_REJECTED),
        "accuracy": Rate(_cells("tn", "tp"), _EVERYBODY, _NO_ROWS),
    }
)
"""Rate by name; positive and negative speak of the predicted event, whether it is good for the person or not."""

MISSES_AMONG_ERRORS = Rate(_cells("fn"), _cells("fn", "fp"), "no row is decided wrongly")
"""Share of false negatives among wrong decisions; its odds are the treatment ratio FN / FP."""

COMPLEMENT_OF: Mapping[str, str] = MappingProxyType(
    {
        "favourable_rate": "selection_rate",
        "true_negative_rate": "false_positive_rate",
        "false_negative_rate": "true_positive_rate",
        "false_discovery_rate": "positive_predictive_value",
        "false_omission_rate": "negative_predictive_value",
    }
)
"""Rate → the rate of which it is the complement, or the same; their intervals hold or miss together."""

GROUP_RATES = ("base_rate", "selection_rate", "favourable_rate", *list(RATES)[2:])
"""Names of the rates that are shown for every group, in display order."""


def rate_named(name: str, favourable: Favourable = "positive") -> Rate:
    """Return the rate of that name; `favourable_rate` is the share of rows whose decision is the favourable one."""
    if name == "favourable_rate":
        return Rate(_CHOSEN if favourable == "positive" else _NOT_CHOSEN, _EVERYBODY, _NO_ROWS)
    return RATES[name]


class GroupShares(NamedTuple):
    """One rate of several groups: successes and rows per group, float64 [g] each.

    Where rows are weighted, `n` is the effective number of rows (Σw)² / Σw² of those below the line, and `successes` is
    the weighted rate times `n`; so that every interval for shares can be used as it is.

    References
    ----------
    Kish (1965), Survey Sampling, section 11.7 (effective number of rows).
    """

    successes: npt.NDArray[np.float64]
    n: npt.NDArray[np.float64]

    @property
    def rates(self) -> npt.NDArray[np.float64]:
        """Share per group, float64 [g]; NaN for a group without rows."""
        empty = np.full(len(self.n), np.nan)
        return np.divide(self.successes, self.n, out=empty, where=self.n > 0)


def shares_of(table: CountTable, rate: Rate) -> GroupShares:
    """Return the shares of every group of a table, weighted where the table is."""
    numerator, denominator = rate.counts(table.mass)
    if table.squares is None:
        return GroupShares(numerator.astype(np.float64), denominator.astype(np.float64))
    _, squares = rate.counts(table.squares)
    empty = np.zeros(len(table.groups))
    n = np.divide(denominator**2, squares, out=empty, where=squares > 0)
    share_of_mass = np.divide(numerator, denominator, out=empty.copy(), where=denominator > 0)
    return GroupShares(share_of_mass * n, n)


def measure_rate(block: Cells, rate: Rate, confidence: float) -> Measurement:
    """Measure one rate of one 2 × 2 block of counts [label, decision], with a Wilson score interval.

    Returns
    -------
    Measurement
        `n` is the number of rows counted below the line; undefined with `rate.nobody` where that is zero.
    """
    numerator, denominator = (int(number) for number in rate.counts(block))
    return share(numerator, denominator, confidence, rate.nobody)


def share(numerator: int, denominator: int, confidence: float, nobody: str) -> Measurement:
    """Measure `numerator` / `denominator` as a share of rows; undefined with the reason `nobody` for zero rows."""
    if denominator == 0:
        return undefined(nobody, numerator=numerator, denominator=denominator)
    bounds = wilson(numerator, denominator, confidence)
    return Measurement(
        value=numerator / denominator,
        n=denominator,
        lower=float(bounds.lower),
        upper=float(bounds.upper),
        confidence=confidence,
        method=WILSON,
        numerator=numerator,
        denominator=denominator,
    )
