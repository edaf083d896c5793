"""What a person can change, in which direction, to which values and at what cost."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import AttributeSchema, ColumnSchema
from apps.ml.evaluation.explanations.coded_rows import BoolArray, CodedRule, carries_attribute
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray

GRID = 16
"""Values of a numeric column to which changes are tried: equally likely quantiles of the reference rows."""

NORMAL_MAD = 1.4826
"""Median absolute deviation of a normal variable times this is its standard deviation."""

NORMAL_IQR = 1.349
"""Interquartile range of a normal variable, in standard deviations."""


@dataclass(frozen=True)
class Moves:
    """Single changes: row (position), column (position), new value and cost, aligned arrays [m]."""

    row: IntArray
    column: IntArray
    value: FloatArray
    cost: FloatArray

    def __len__(self) -> int:
        return len(self.row)

    def at(self, chosen: BoolArray | npt.NDArray[np.intp]) -> "Moves":
        """Keep the chosen moves, in that order."""
        return Moves(self.row[chosen], self.column[chosen], self.value[chosen], self.cost[chosen])


@dataclass(frozen=True)
class PossibleChanges:
    """Changes that are possible, learnt from reference rows and declared promises.

    `direction`: int [columns], 0 where nothing can be done, 1 only upwards, −1 only downwards, 2 both ways. `values`:
    per column the values that can be reached, ascending. `deviation`: float64 [columns], the unit in which changes of a
    numeric column are counted; NaN where a change counts 1 whatever its size (truth values, categories). `whole`: bool
    [columns], whole numbers only. `minimum`, `maximum`: float64 [columns], ∓∞ where none is declared.
    """

    direction: IntArray
    values: tuple[FloatArray, ...]
    deviation: FloatArray
    whole: BoolArray
    minimum: FloatArray
    maximum: FloatArray

    def cost(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """Return what changing coded rows [n, columns] costs, per column: 0 where nothing changed."""
        size = np.abs(after - before)
        counted = np.where(
            np.isnan(self.deviation), 1.0, size / np.where(np.isnan(self.deviation), 1.0, self.deviation)
        )
        return np.where(np.isnan(size) | (size == 0), 0.0, counted)

    def moves(self, rows: FloatArray) -> Moves:
        """Return every single change that is possible for coded rows [n, columns], ordered by row and column.

        A missing value is left alone: what the person would have to state is not known.
        """
        columns = [column for column in range(rows.shape[1]) if self.direction[column] and len(self.values[column])]
        if not columns or not len(rows):
            nothing = np.empty(0, dtype=np.int64)
            return Moves(nothing, nothing, np.empty(0), np.empty(0))
        n = len(rows)
        column = np.tile(np.repeat(columns, [len(self.values[one]) for one in columns]), n).astype(np.int64)
        value = np.tile(np.concatenate([self.values[one] for one in columns]), n)
        row = np.repeat(np.arange(n), len(value) // n)
        kept = self.allows(rows[row, column], value, column)
        row, column, value = row[kept], column[kept], value[kept]
        step = np.abs(value - rows[row, column])
        unit = self.deviation[column]
        return Moves(row, column, value, np.where(np.isnan(unit), 1.0, step / np.where(np.isnan(unit), 1.0, unit)))

    def allows(self, before: FloatArray, after: FloatArray, column: IntArray) -> BoolArray:
        """Return, elementwise, whether a column's value may become another: present, different, in its direction."""
        direction = self.direction[column]
        upwards = (after > before) & ((direction == 1) | (direction == 2))
        downwards = (after < before) & ((direction == -1) | (direction == 2))
        within = (after >= self.minimum[column]) & (after <= self.maximum[column])
        return np.asarray((upwards | downwards) & within, dtype=np.bool_)


def possible_changes(coded: CodedRule, reference: FloatArray, attributes: Iterable[AttributeSchema]) -> PossibleChanges:
    """Learn what can be changed, and in which units, from coded reference rows [m, columns] and the declared columns.

    Nothing can be done about a column that carries a sensitive attribute, whatever is declared. A numeric column's unit
    is its median absolute deviation × 1.4826; where that is 0 its interquartile range / 1.349, then its standard
    deviation. A column that is constant in the reference has no unit and is left alone.

    References
    ----------
    Wachter, Mittelstadt, Russell (2018), Counterfactual explanations without opening the black box, Harvard Journal of
    Law & Technology 31, section III (distances in units of the median absolute deviation). Ustun, Spangher, Liu (2019),
    Actionable recourse in linear classification, FAT* (immutable and one-way columns).
    """
    columns = coded.columns
    carrying = carries_attribute(coded.rule, attributes)
    numeric = np.array([column.kind == "numeric" for column in columns], dtype=np.bool_)
    unit = np.array([_deviation(reference[:, position]) for position in range(len(columns))])
    constant = numeric & ~(unit > 0)
    direction = [
        0 if carrying[position] or constant[position] else _direction(column) for position, column in enumerate(columns)
    ]
    return PossibleChanges(
        direction=np.array(direction, dtype=np.int64),
        values=tuple(_reachable(column, reference[:, position]) for position, column in enumerate(columns)),
        deviation=np.where(numeric, unit, np.nan),
        whole=np.array([column.kind == "numeric" and column.integer for column in columns], dtype=np.bool_),
        minimum=np.array([_limit(column, column.minimum, -np.inf) for column in columns]),
        maximum=np.array([_limit(column, column.maximum, np.inf) for column in columns]),
    )


def _direction(column: ColumnSchema) -> int:
    return {"no": 0, "increase": 1, "decrease": -1, "any": 2}[column.actionable]


def _limit(column: ColumnSchema, limit: float | None, otherwise: float) -> float:
    return otherwise if limit is None or column.kind != "numeric" else float(limit)


def _deviation(values: FloatArray) -> float:
    present = values[~np.isnan(values)]
    if not len(present):
        return float("nan")
    spread = float(np.median(np.abs(present - np.median(present)))) * NORMAL_MAD
    if spread == 0:
        low, high = np.quantile(present, [0.25, 0.75])
        spread = float(high - low) / NORMAL_IQR
    return spread or float(present.std())


def _reachable(column: ColumnSchema, values: FloatArray) -> FloatArray:
    """Values that occur in the reference: quantiles of numbers, all truth values, all declared categories."""
    present = values[~np.isnan(values)]
    if not len(present):
        return np.empty(0)
    if column.kind == "numeric":
        levels = (np.arange(GRID) + 0.5) / GRID
        return np.unique(np.quantile(present, levels, method="inverted_cdf"))
    found = np.unique(present)
    if column.kind == "categorical" and column.categories:
        return found[found < len(column.categories)]
    return found
