"""Principal reasons for unfavourable decisions, found on the deployed rule.

A reason is a column whose own value costs the person score, compared with the values of reference applicants
(:mod:`apps.ml.evaluation.explanations.reasons_given.score_gains`). At most four are given, strongest first. Never a
reason is a column that carries a sensitive attribute, a declared proxy of one, or one that does not move the score;
and a column that counts in the person's favour.

References
----------
12 CFR 1002.9(b)(2) and Supplement I, comments 9(b)(2)-1 (no more than four) to -5 (how they are selected).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import AttributeSchema
from apps.ml.evaluation.explanations.coded_rows import BoolArray, CodedRule, carries_attribute, coded_rule
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.score_gains import (
    ReferenceValues,
    ScoreGains,
    reference_pool,
    reference_values,
    score_gains,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray, sample_rows
from apps.ml.parameters import Explanations

Direction = Literal["low", "high", "missing", "category"]
Positions = npt.NDArray[np.intp]

LEAST_GAIN = 1e-9
"""Gains up to this are rounding and no reason, in log-odds."""

LEAST_SHARE = 0.1
"""A reason costs at least this share of what the strongest one costs; less is not a principal reason."""

REASON_REFERENCE = 21
"""Stream of randomness that draws the reference rows; +1 draws those of the check of stability."""


@dataclass(frozen=True)
class Reason:
    """One reason: the column, how the person's value is off, and what it costs in log-odds of the favourable outcome.

    `direction`: `low` or `high` where values above or below would have gained more (of a truth value: `low` is false),
    `missing` where there is no value, `category` where there is no order.
    """

    column: str
    direction: Direction
    gain: float


@dataclass(frozen=True)
class RankedReasons:
    """Reasons of n rows as positions of columns.

    `order`: intp [n, most], strongest first, −1 where there is none. `strongest`: intp [n], the column that costs most
    whether it may be given or not, −1 where none does. `gains`: what every column costs.
    """

    order: Positions
    strongest: Positions
    gains: ScoreGains


@dataclass(frozen=True)
class ReasonFinder:
    """The deployed rule with the reference applicants that a person is compared with.

    `pool`: coded reference rows [m, columns] from which `drawn` rows were drawn to make `reference`. `may_be_given`:
    bool [columns], False for sensitive columns and their declared proxies. `most`: reasons per row.
    """

    coded: CodedRule
    pool: FloatArray
    drawn: int
    reference: ReferenceValues
    may_be_given: BoolArray
    most: int

    def find(self, frame: pd.DataFrame) -> tuple[tuple[Reason, ...], ...]:
        """Return the reasons of each row of a typed frame, strongest first; none for what costs nothing.

        Whether the rows are decided unfavourably is not asked here.
        """
        knowing = self.knowing(frame)
        codes = knowing.coded.codes(frame)
        return knowing.listed(codes, knowing.rank(codes))

    def knowing(self, frame: pd.DataFrame) -> "ReasonFinder":
        """Return the finder that knows the categories of `frame`, so that its rows can be coded."""
        return replace(self, coded=self.coded.knowing(frame))

    def rank(self, codes: FloatArray) -> RankedReasons:
        """Rank the columns of coded rows [n, columns] by what they cost; equal costs keep the order of the columns."""
        gains = score_gains(self.coded, codes, self.reference)
        order = _ranked(np.where(self.may_be_given, gains.gain, -np.inf), self.most)
        return RankedReasons(order, _ranked(gains.gain, 1)[:, 0], gains)

    def listed(self, codes: FloatArray, ranked: RankedReasons) -> tuple[tuple[Reason, ...], ...]:
        """Return the reasons of coded rows in the order in which they were ranked."""
        return tuple(
            tuple(self._reason(codes, ranked.gains, row, int(column)) for column in columns if column >= 0)
            for row, columns in enumerate(ranked.order)
        )

    def with_another_sample(self, seed: int) -> "ReasonFinder":
        """Return the finder with as many other reference rows, drawn from the pool with replacement."""
        generator = np.random.default_rng([seed, REASON_REFERENCE + 1])
        again = generator.integers(0, len(self.pool), size=self.drawn)
        return replace(self, reference=reference_values(self.pool[again]))

    def _reason(self, codes: FloatArray, gains: ScoreGains, row: int, column: int) -> Reason:
        schema = self.coded.columns[column]
        direction: Direction
        if np.isnan(codes[row, column]):
            direction = "missing"
        elif schema.kind == "categorical":
            direction = "category"
        else:
            direction = "low" if gains.higher[row, column] >= gains.lower[row, column] else "high"
        return Reason(schema.name, direction, float(gains.gain[row, column]))


def reason_finder(
    rule: DecisionRule,
    reference: pd.DataFrame,
    attributes: Iterable[AttributeSchema],
    settings: Explanations,
    seed: int,
) -> ReasonFinder | None:
    """Prepare a rule for finding reasons; the same seed gives the same reasons.

    Parameters
    ----------
    rule : DecisionRule
    reference : typed data frame [m, columns]
        Applicants, of whom `settings.reason_method` says which are compared with; `settings.background_rows` are drawn.
    attributes : AttributeSchema of every sensitive attribute
    settings : Explanations
    seed : int, at least 0

    Returns
    -------
    ReasonFinder or None
        None where no reference row is decided favourably, so that there is nobody at the cut-off.

    Raises
    ------
    DataError
        `reference` lacks an input column.
    """
    coded = coded_rule(rule, [reference])
    codes = coded.codes(reference)
    pool = codes[reference_pool(coded, codes, settings.reason_method)]
    if not len(pool):
        return None
    drawn = sample_rows(len(pool), settings.background_rows, seed, REASON_REFERENCE)
    values = reference_values(pool[drawn])
    return ReasonFinder(coded, pool, len(drawn), values, may_be_given(rule, attributes), settings.reasons)


def may_be_given(rule: DecisionRule, attributes: Iterable[AttributeSchema]) -> BoolArray:
    """Return [columns], whether a column may be a reason: it is neither sensitive nor a declared proxy."""
    proxy = np.array([column.proxy_of is not None for column in rule.columns], dtype=np.bool_)
    return ~(carries_attribute(rule, attributes) | proxy)


def _ranked(gain: FloatArray, most: int) -> Positions:
    """Positions of the largest gains per row, −1 from the first that is too small to be a principal reason."""
    order = np.argsort(-gain, axis=1, kind="stable")[:, :most]
    found = np.take_along_axis(gain, order, axis=1)
    enough = (found > LEAST_GAIN) & (found >= LEAST_SHARE * found[:, :1])
    padded = np.full((len(gain), most), -1, dtype=np.intp)
    padded[:, : order.shape[1]] = np.where(enough, order, -1)
    return padded
