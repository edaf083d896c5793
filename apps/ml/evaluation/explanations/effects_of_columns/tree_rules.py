"""A decision tree as rules in words: conditions on the original columns, one rule per leaf."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.effects_of_columns.effect_points import TAIL, common_categories, readable_decimals
from apps.ml.evaluation.explanations.scored_model import FloatArray

CATEGORIES = 20
"""Categories of a column, the most frequent ones, that a condition can speak of."""

Operator = Literal["at most", "above", "is", "is not"]
Answer = Callable[[FloatArray], float]
"""From what a leaf holds to the decision or number of its rule."""

Decisions = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """One condition on one column.

    `value`: a number, or a category; None stands for a missing value (`is`, `is not`). `missing`: whether rows whose
    value is missing fulfil it.
    """

    column: str
    operator: Operator
    value: float | str | bool | None
    missing: bool

    @property
    def words(self) -> str:
        """The condition as a phrase, such as `savings at most 1200, or missing`."""
        if self.value is None:
            return f"{self.column} {self.operator} missing"
        if isinstance(self.value, str):
            return f"{self.column} {self.operator} “{self.value}”"
        shown = str(self.value).lower() if isinstance(self.value, bool) else f"{self.value:,.10g}"
        return f"{self.column} {self.operator} {shown}" + (", or missing" if self.missing else "")

    def holds(self, values: "pd.Series[Any]") -> Mask:
        """Return [n], whether it holds for each value of the column."""
        absent = values.isna().to_numpy(dtype=bool)
        if self.value is None:
            return absent if self.operator == "is" else ~absent
        if self.operator in ("is", "is not"):
            same = (values == self.value).fillna(False).to_numpy(dtype=bool) & ~absent
            found = same if self.operator == "is" else ~same & ~absent
        else:
            numbers = values.to_numpy(dtype=np.float64)
            low = numbers <= float(self.value)
            found = low if self.operator == "at most" else ~low & ~absent
        return np.asarray(found | (absent & self.missing), dtype=bool)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form with the phrase as `words`."""
        parts = {"column": self.column, "operator": self.operator, "value": self.value, "missing": self.missing}
        return {**parts, "words": self.words}


@dataclass(frozen=True)
class Rule:
    """Rows that fulfil all conditions get the decision, or the predicted number. No conditions: all rows."""

    conditions: tuple[Condition, ...]
    decision: float

    def holds(self, frame: pd.DataFrame) -> Mask:
        """Return [n], whether each row fulfils all conditions."""
        found = np.ones(len(frame), dtype=bool)
        for condition in self.conditions:
            found &= condition.holds(frame[condition.column])
        return found


@dataclass(frozen=True)
class TreeFeature:
    """What a column of the tree's matrix means.

    `kind`: `numeric` or `boolean` as the column is, `category` (whether a row has it) or `missing`. `decimals`: digits
    after the point of a number in a condition, few enough that it is no person's own value. `missing`: whether the
    number is missing in some row; where it is not, conditions need not say what a missing value does.
    """

    column: str
    kind: str
    category: str | None = None
    integer: bool = False
    decimals: int = 0
    missing: bool = False


def tree_features(frame: pd.DataFrame, columns: tuple[ColumnSchema, ...], at_least: int) -> list[TreeFeature]:
    """Return what the tree may ask about: numbers as they are, and the categories that enough rows hold."""
    features = []
    for column in columns:
        if column.kind != "categorical":
            features.append(_of_numbers(frame[column.name].to_numpy(dtype=np.float64), column))
            continue
        values = frame[column.name]
        names = common_categories(values, CATEGORIES, at_least)
        features += [TreeFeature(column.name, "category", name) for name in names]
        if values.isna().any():
            features.append(TreeFeature(column.name, "missing"))
    return features


def tree_matrix(frame: pd.DataFrame, features: list[TreeFeature]) -> FloatArray:
    """Return float64 [n, features], NaN where a number is missing."""
    matrix = np.empty((len(frame), len(features)))
    for position, feature in enumerate(features):
        values = frame[feature.column]
        if feature.kind == "category":
            matrix[:, position] = (values == feature.category).fillna(False)
        elif feature.kind == "missing":
            matrix[:, position] = values.isna()
        else:
            matrix[:, position] = values.to_numpy(dtype=np.float64)
    return matrix


def rules_of(tree: Any, features: list[TreeFeature]) -> tuple[Rule, ...]:
    """Return the leaves of a fitted scikit-learn tree of classes 0 and 1 as rules, from the left to the right.

    Two leaves of one branch with the same decision become one rule. Every row fulfils exactly one of the rules, unless
    a number is missing in a column where none was missing in the rows the features were made from.

    Parameters
    ----------
    tree : the `tree_` of a fitted `DecisionTreeClassifier`
    features : as :func:`tree_features` returned them
    """
    return tuple(_rules(tree, features, 0, (), lambda value: int(np.argmax(value))))


def number_rules_of(tree: Any, features: list[TreeFeature], decimals: int) -> tuple[Rule, ...]:
    """Return the leaves of a fitted scikit-learn regression tree as rules with rounded numbers, left to right.

    Parameters
    ----------
    tree : the `tree_` of a fitted `DecisionTreeRegressor`
    features : as :func:`tree_features` returned them
    decimals : digits after the point of a leaf's number; negative rounds to tens, hundreds, …
    """
    return tuple(_rules(tree, features, 0, (), lambda value: round(float(value[0]), decimals) + 0.0))


def numbers_by(rules: tuple[Rule, ...], frame: pd.DataFrame) -> FloatArray:
    """Return float64 [n], the number of the rule that each row fulfils; the mean of all rules where it fulfils none."""
    numbers = np.full(len(frame), float(np.mean([rule.decision for rule in rules])))
    for rule in rules:
        numbers[rule.holds(frame)] = rule.decision
    return numbers


def decide_by(rules: tuple[Rule, ...], frame: pd.DataFrame) -> Decisions:
    """Return int8 [n], the decision of the rule that each row fulfils."""
    decisions = np.zeros(len(frame), dtype=np.int8)
    for rule in rules:
        decisions[rule.holds(frame)] = rule.decision
    return decisions


def _of_numbers(values: FloatArray, column: ColumnSchema) -> TreeFeature:
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [TAIL, 1 - TAIL]) if len(known) else (0.0, 0.0)
    spread = float(high - low) or (float(np.ptp(known)) if len(known) else 0.0)
    decimals = readable_decimals(spread, column.integer)
    return TreeFeature(column.name, column.kind, None, column.integer, decimals, len(known) < len(values))


def _rules(
    tree: Any, features: list[TreeFeature], node: int, conditions: tuple[Condition, ...], answer: Answer
) -> list[Rule]:
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    if left < 0:
        return [Rule(_simplified(conditions), answer(tree.value[node][0]))]
    to_left = bool(tree.missing_go_to_left[node])
    low, high = _conditions(features[tree.feature[node]], float(tree.threshold[node]), to_left)
    found = [
        *_rules(tree, features, left, (*conditions, low), answer),
        *_rules(tree, features, right, (*conditions, high), answer),
    ]
    if len({rule.decision for rule in found}) == 1:
        return [Rule(_simplified(conditions), found[0].decision)]
    return found


def _simplified(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Drop what a later condition on the same column says more strictly."""
    kept: list[Condition] = []
    for condition in conditions:
        earlier = [one for one in kept if _is_implied(one, condition)]
        missing = condition.missing and all(one.missing for one in earlier)
        kept = [one for one in kept if one not in earlier]
        kept.append(replace(condition, missing=missing))
    return tuple(kept)


def _is_implied(earlier: Condition, later: Condition) -> bool:
    if earlier.column != later.column:
        return False
    if later.operator in ("at most", "above"):
        return earlier.operator == later.operator
    return later.operator == "is" and isinstance(later.value, str)


def _conditions(feature: TreeFeature, threshold: float, missing_left: bool) -> tuple[Condition, Condition]:
    """Return the condition of the left branch (at most the threshold) and that of the right one."""
    name = feature.column
    if feature.kind == "category":
        return Condition(name, "is not", feature.category, True), Condition(name, "is", feature.category, False)
    if feature.kind == "missing":
        return Condition(name, "is not", None, False), Condition(name, "is", None, True)
    left, right = feature.missing and missing_left, feature.missing and not missing_left
    if feature.kind == "boolean":
        return Condition(name, "is", False, left), Condition(name, "is", True, right)
    whole = feature.integer and feature.decimals == 0
    limit = float(np.floor(threshold) if whole else np.round(threshold, feature.decimals)) + 0.0
    return Condition(name, "at most", limit, left), Condition(name, "above", limit, right)
