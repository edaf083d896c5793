"""Rows as a matrix of numbers, so that many changed rows can be made and scored in one call of the deployed rule."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import GROUP, AttributeSchema, ColumnSchema
from apps.ml.errors import DataError
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray

MOST_ROWS = 50_000
"""Rows that are scored in one call; the memory this takes does not grow with the work."""

SURE = 1e-9
"""Scores are kept this far from 0 and 1 before their log-odds are taken."""

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CodedRule:
    """The deployed rule on coded rows.

    A coded row holds the number of a numeric or boolean column and, of a categorical column, the position of its value
    in `categories` (one tuple per column, empty where the column is not categorical); NaN is missing. Categories come
    in their declared order, so that a greater position is a higher category; undeclared ones follow.
    """

    rule: DecisionRule
    categories: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> tuple[ColumnSchema, ...]:
        """The input columns, in order."""
        return self.rule.columns

    def codes(self, frame: pd.DataFrame) -> FloatArray:
        """Return float64 [n, columns] for a typed frame.

        Raises
        ------
        DataError
            A column holds a category that :meth:`knowing` was not told of.
        """
        coded = np.empty((len(frame), len(self.columns)))
        for position, (column, categories) in enumerate(zip(self.columns, self.categories, strict=True)):
            values = frame[column.name]
            if column.kind == "categorical":
                coded[:, position] = _positions(values, categories)
            else:
                coded[:, position] = values.to_numpy(dtype=np.float64)
        return coded

    def knowing(self, frame: pd.DataFrame) -> "CodedRule":
        """Return the rule with the categories of `frame` added at the end; rows that are coded already stay valid."""
        _require_columns(self.rule, frame)
        added = (
            _new_categories(frame[column.name], known) if column.kind == "categorical" else ()
            for column, known in zip(self.columns, self.categories, strict=True)
        )
        return replace(
            self, categories=tuple((*known, *new) for known, new in zip(self.categories, added, strict=True))
        )

    def frame(self, codes: FloatArray) -> pd.DataFrame:
        """Inverse of :meth:`codes`: the typed frame [n, columns] of coded rows."""
        parts: dict[str, Any] = {}
        for position, (column, categories) in enumerate(zip(self.columns, self.categories, strict=True)):
            values = codes[:, position]
            if column.kind == "categorical":
                where = np.where(np.isnan(values), -1, values).astype(np.intp)
                parts[column.name] = pd.array(list(categories), dtype="str").take(where, allow_fill=True)
            else:
                parts[column.name] = np.ascontiguousarray(values)
        return pd.DataFrame(parts, index=pd.RangeIndex(len(codes)), copy=False)

    def scores(self, codes: FloatArray) -> FloatArray:
        """Return [n] scores of coded rows."""
        parts = [
            np.asarray(self.rule.score(self.frame(codes[first : first + MOST_ROWS])), dtype=np.float64)
            for first in range(0, len(codes), MOST_ROWS)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def favourable(self, scores: FloatArray) -> BoolArray:
        """Return [n], whether these scores lead to the decision that is good for the person."""
        return np.asarray(self.rule.decide(scores) == (1 if self.rule.favourable == "positive" else 0), dtype=np.bool_)

    def merit(self, scores: FloatArray | float) -> FloatArray:
        """Return log-odds of the favourable outcome: of the score, or of its absence where that is favourable."""
        kept = np.clip(np.asarray(scores, dtype=np.float64), SURE, 1 - SURE)
        odds: FloatArray = np.log(kept) - np.log1p(-kept)
        return odds if self.rule.favourable == "positive" else -odds

    def toward_favourable(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """Return how far scores moved in the favourable direction, in units of the score."""
        return after - before if self.rule.favourable == "positive" else before - after


def coded_rule(rule: DecisionRule, frames: Iterable[pd.DataFrame]) -> CodedRule:
    """Return the rule for coded rows; categories are those declared and those that occur in `frames`.

    Raises
    ------
    DataError
        A frame lacks an input column of the rule.
    """
    coded = CodedRule(rule, tuple(column.categories for column in rule.columns))
    for frame in frames:
        coded = coded.knowing(frame)
    return coded


def changed_rows(rows: FloatArray, row: IntArray, column: IntArray, value: FloatArray) -> FloatArray:
    """Return [m, k]: copies of the coded rows at positions `row`, in each of which one column got another value."""
    copies = rows[row]
    copies[np.arange(len(row)), column] = value
    return copies


def same_values(one: FloatArray, other: FloatArray) -> BoolArray:
    """Compare coded values, shapes that broadcast; missing equals missing."""
    return np.asarray((one == other) | (np.isnan(one) & np.isnan(other)), dtype=np.bool_)


def carries_attribute(rule: DecisionRule, attributes: Iterable[AttributeSchema]) -> BoolArray:
    """Return [columns], whether an input column carries a sensitive attribute."""
    carrying = {name for attribute in attributes for name in attribute.columns}
    return np.array([column.sensitive or column.name in carrying for column in rule.columns], dtype=np.bool_)


def columns_telling(attribute: AttributeSchema, attributes: Iterable[AttributeSchema]) -> frozenset[str]:
    """Return the names that input columns have which tell a person's group of an attribute.

    These are the columns that the attribute is made of, and the group itself where decisions need it
    (`fairmind:group:<attribute>`), of this attribute or of another that shares a column with it.
    """
    sharing = (one.name for one in attributes if one.name == attribute.name or {*one.columns} & {*attribute.columns})
    return frozenset({*attribute.columns, GROUP + attribute.name, *(GROUP + name for name in sharing)})


def _require_columns(rule: DecisionRule, frame: pd.DataFrame) -> None:
    missing = [column.name for column in rule.columns if column.name not in frame.columns]
    if missing:
        raise DataError(f"the rows lack the columns {', '.join(missing)}. Hand in all input columns of the model.")


def _new_categories(values: "pd.Series[Any]", known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({str(value) for value in values.dropna().unique()} - set(known)))


def _positions(values: "pd.Series[Any]", categories: tuple[str, ...]) -> FloatArray:
    found = pd.Index(list(categories), dtype="str").get_indexer(pd.Index(values)).astype(np.float64)
    unknown = int(np.count_nonzero((found < 0) & values.notna().to_numpy()))
    if unknown:
        raise DataError(
            f"column '{values.name}' holds categories in {unknown} rows that no row before had. Name the rows first."
        )
    return np.where(found < 0, np.nan, found)
