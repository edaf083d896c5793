"""A shallow tree that imitates predicted numbers, and how far the imitation can be trusted.

As :mod:`apps.ml.evaluation.explanations.effects_of_columns.surrogate_tree`, with means in place of decisions: the tree
is fitted to the predictions of the rule on one half of the test rows, and its fidelity is R² between its numbers and
the rule's on the other half.

References
----------
Craven and Shavlik (1996), Extracting tree-structured representations of trained networks, NeurIPS 8 (fidelity).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.explanations.decision_rule import ScoringRule
from apps.ml.evaluation.explanations.effects_of_columns.effects import decimals_of
from apps.ml.evaluation.explanations.effects_of_columns.surrogate_tree import drawn_half
from apps.ml.evaluation.explanations.effects_of_columns.tree_rules import (
    Rule,
    number_rules_of,
    numbers_by,
    tree_features,
    tree_matrix,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.statistics.counting.counts import group_codes
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.numbers.errors import mean_error, r_squared
from apps.ml.parameters import ModelEvaluation

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MeasuredNumberRule:
    """One rule with its share of the rows it was not fitted on and the mean of what the model predicts for them."""

    rule: Rule
    share_of_rows: float
    mean_prediction: Measurement


@dataclass(frozen=True)
class NumberTree:
    """Rules that imitate predictions. `undefined`: why there are none; everything else is then empty.

    `fidelity`: R² of the rules' numbers to the model's; 0 is what one number for everybody reaches.
    `fidelity_by_group`: attribute → group → the same within the group.
    """

    rows_fitted: int
    rows_measured: int
    fidelity: Measurement
    rules: tuple[MeasuredNumberRule, ...] = ()
    fidelity_by_group: dict[str, dict[str, Measurement]] = field(default_factory=dict)
    undefined: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        content: dict[str, Any] = {"rows_fitted": self.rows_fitted, "rows_measured": self.rows_measured}
        content["fidelity"] = self.fidelity.to_dict()
        if self.undefined is not None:
            return {**content, "undefined": self.undefined}
        by_group = {
            attribute: {name: measured.to_dict() for name, measured in groups.items()}
            for attribute, groups in self.fidelity_by_group.items()
        }
        return {**content, "rules": [_rule_to_dict(one) for one in self.rules], "fidelity_by_group": by_group}


def number_tree(
    rule: ScoringRule, frame: pd.DataFrame, groups: pd.DataFrame, parameters: ModelEvaluation
) -> NumberTree:
    """Imitate the predictions of a rule with a regression tree on the original columns.

    Parameters
    ----------
    rule : ScoringRule
    frame : typed data frame [n, columns of the rule] of test rows
    groups : data frame [n, attributes] of group names
    parameters : ModelEvaluation
        `explanations.surrogate_depth`; `minimum_group_size`: rows that a leaf, and a group, needs at least; `seed`.

    Returns
    -------
    NumberTree
        Undefined where a half has fewer rows than two leaves need, or where all predictions of the fitted half agree.
    """
    predictions = np.asarray(rule.score(frame), dtype=np.float64) if len(frame) else np.empty(0)
    fitted = drawn_half(len(frame), parameters.seed)
    measured, leaf = ~fitted, parameters.minimum_group_size
    reason = _why_not(predictions[fitted], leaf)
    if reason is not None:
        nothing = undefined(reason, n=int(measured.sum()))
        return NumberTree(int(fitted.sum()), int(measured.sum()), nothing, undefined=reason)
    rules = _fitted_rules(rule, frame[fitted], predictions[fitted], parameters)
    rest, actual = frame[measured], predictions[measured]
    imitated = numbers_by(rules, rest)
    return NumberTree(
        rows_fitted=int(fitted.sum()),
        rows_measured=len(rest),
        fidelity=r_squared(actual, imitated, parameters.confidence),
        rules=tuple(_measured(one, rest, actual, parameters.confidence) for one in rules),
        fidelity_by_group={
            str(name): _by_group(actual, imitated, groups.loc[measured, name], parameters) for name in groups.columns
        },
    )


def _why_not(predictions: FloatArray, leaf: int) -> str | None:
    if len(predictions) < 2 * leaf:
        return f"{len(predictions)} rows to fit a tree are fewer than two leaves of {leaf} rows need"
    return "the model predicts one number for all rows of the fitted half" if np.ptp(predictions) == 0 else None


def _fitted_rules(
    rule: ScoringRule, frame: pd.DataFrame, predictions: FloatArray, parameters: ModelEvaluation
) -> tuple[Rule, ...]:
    from sklearn.tree import DecisionTreeRegressor

    features = tree_features(frame, rule.columns, parameters.minimum_group_size)
    tree = DecisionTreeRegressor(
        max_depth=parameters.explanations.surrogate_depth,
        min_samples_leaf=parameters.minimum_group_size,
        random_state=parameters.seed,
    )
    fitted = tree.fit(tree_matrix(frame, features), predictions).tree_
    return number_rules_of(fitted, features, decimals_of(predictions).single)


def _measured(rule: Rule, frame: pd.DataFrame, predictions: FloatArray, confidence: float) -> MeasuredNumberRule:
    inside = rule.holds(frame)
    return MeasuredNumberRule(rule, float(inside.mean()), mean_error(predictions[inside], confidence))


def _by_group(
    actual: FloatArray, imitated: FloatArray, names: "pd.Series[Any]", parameters: ModelEvaluation
) -> dict[str, Measurement]:
    groups, codes = group_codes(names)
    found = {}
    for position, group in enumerate(groups):
        inside = codes == position
        n, least = int(np.count_nonzero(inside)), parameters.minimum_group_size
        if is_unknown_group(group):
            continue
        found[group] = (
            undefined(f"{n} measured rows are fewer than the minimum group size of {least}", n=n)
            if n < least
            else r_squared(actual[inside], imitated[inside], parameters.confidence)
        )
    return found


def _rule_to_dict(one: MeasuredNumberRule) -> dict[str, Any]:
    return {
        "conditions": [condition.to_dict() for condition in one.rule.conditions],
        "prediction": one.rule.decision,
        "share_of_rows": one.share_of_rows,
        "mean_prediction": one.mean_prediction.to_dict(),
    }
