"""A shallow tree that imitates the deployed decisions, and how far the imitation can be trusted.

The tree is an explanation, not a model: it is fitted to the decisions of the rule, never to labels, on one half of the
test rows, and its fidelity is measured on the other half. Everything that is measured is measured of the rules as they
are written, rounded numbers included. A faithful tree may still be unfaithful for some group; fidelity is therefore
also measured by group.

References
----------
Craven and Shavlik (1996), Extracting tree-structured representations of trained networks, NeurIPS 8 (fidelity).
Balagopalan et al. (2022), The road to explainability is paved with bias, FAccT (fidelity by group).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.effects_of_columns.tree_rules import (
    Decisions,
    Rule,
    TreeFeature,
    decide_by,
    rules_of,
    tree_features,
    tree_matrix,
)
from apps.ml.evaluation.explanations.scored_model import IntArray
from apps.ml.evaluation.statistics.counting.counts import group_codes
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.intervals import WILSON, wilson
from apps.ml.parameters import ModelEvaluation

HALVES = 31
"""Stream of randomness: which rows the tree is fitted on."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MeasuredRule:
    """One rule with, on the half it was not fitted on, its rows and the share of them that the model decides 1.

    `positive`: undefined where no row fulfils the rule.
    """

    rule: Rule
    share_of_rows: float
    positive: Measurement


@dataclass(frozen=True)
class SurrogateTree:
    """Rules that imitate the decisions. `undefined`: why there are none; everything else is then empty.

    `fidelity`: share of rows for which the rules and the model decide alike. `constant`: the same for the rule that
    always decides `constant_decision`, the more frequent one. `fidelity_by_group`: attribute → group → fidelity.
    """

    rows_fitted: int
    rows_measured: int
    fidelity: Measurement
    constant: Measurement
    constant_decision: int | None = None
    rules: tuple[MeasuredRule, ...] = ()
    fidelity_by_group: dict[str, dict[str, Measurement]] = field(default_factory=dict)
    undefined: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        content: dict[str, Any] = {"rows_fitted": self.rows_fitted, "rows_measured": self.rows_measured}
        content |= {"fidelity": self.fidelity.to_dict(), "constant": self.constant.to_dict()}
        if self.undefined is not None:
            return {**content, "undefined": self.undefined}
        by_group = {
            attribute: {name: measured.to_dict() for name, measured in groups.items()}
            for attribute, groups in self.fidelity_by_group.items()
        }
        rules = [_rule_to_dict(one) for one in self.rules]
        return {**content, "constant_decision": self.constant_decision, "rules": rules, "fidelity_by_group": by_group}


def surrogate_tree(
    rule: DecisionRule, frame: pd.DataFrame, groups: pd.DataFrame, parameters: ModelEvaluation
) -> SurrogateTree:
    """Imitate the decisions of a rule with a decision tree on the original columns.

    Parameters
    ----------
    rule : DecisionRule
    frame : typed data frame [n, columns of the rule]
        Test rows: half of them, drawn by `parameters.seed`, fit the tree, the others measure it.
    groups : data frame [n, attributes] of group names
    parameters : ModelEvaluation
        `explanations.surrogate_depth`; `minimum_group_size`: rows that a leaf, and a group, needs at least.

    Returns
    -------
    SurrogateTree
        Undefined where a half has fewer rows than two leaves need, or where all decisions of the fitted half agree.
    """
    decisions = np.asarray(rule.decisions(frame))
    fitted = drawn_half(len(frame), parameters.seed)
    reason = _why_not(decisions[fitted], parameters.minimum_group_size)
    measured = ~fitted
    if reason is not None:
        nothing = undefined(reason, n=int(measured.sum()))
        return SurrogateTree(int(fitted.sum()), int(measured.sum()), nothing, nothing, undefined=reason)
    features = tree_features(frame, rule.columns, parameters.minimum_group_size)
    rules = _fitted_rules(features, frame[fitted], decisions[fitted], parameters)
    rest, actual = frame[measured], decisions[measured]
    agree = decide_by(rules, rest) == actual
    frequent = int(decisions[fitted].mean() >= 0.5)
    return SurrogateTree(
        rows_fitted=int(fitted.sum()),
        rows_measured=len(rest),
        fidelity=_share(agree, parameters.confidence),
        constant=_share(actual == frequent, parameters.confidence),
        constant_decision=frequent,
        rules=tuple(_measured(one, rest, actual, parameters.confidence) for one in rules),
        fidelity_by_group={
            str(name): _by_group(agree, groups.loc[measured, name], parameters) for name in groups.columns
        },
    )


def drawn_half(n: int, seed: int) -> Mask:
    """Return bool [n]: the half of the rows that a tree is fitted on."""
    fitted = np.zeros(n, dtype=bool)
    fitted[np.random.default_rng([seed, HALVES]).permutation(n)[: n // 2]] = True
    return fitted


def _why_not(decisions: Decisions, leaf: int) -> str | None:
    if len(decisions) < 2 * leaf:
        return f"{len(decisions)} rows to fit a tree are fewer than two leaves of {leaf} rows need"
    if len(np.unique(decisions)) < 2:
        return "all rows the tree would be fitted on are decided alike"
    return None


def _fitted_rules(
    features: list[TreeFeature], frame: pd.DataFrame, decisions: Decisions, parameters: ModelEvaluation
) -> tuple[Rule, ...]:
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_depth=parameters.explanations.surrogate_depth,
        min_samples_leaf=parameters.minimum_group_size,
        random_state=parameters.seed,
    )
    return rules_of(tree.fit(tree_matrix(frame, features), decisions).tree_, features)


def _measured(rule: Rule, frame: pd.DataFrame, decisions: Decisions, confidence: float) -> MeasuredRule:
    inside = rule.holds(frame)
    return MeasuredRule(rule, float(inside.mean()), _share(decisions[inside] == 1, confidence))


def _by_group(agree: Mask, names: "pd.Series[Any]", parameters: ModelEvaluation) -> dict[str, Measurement]:
    groups, codes = group_codes(names)
    return {
        group: _group_share(agree, codes == position, parameters)
        for position, group in enumerate(groups)
        if not is_unknown_group(group)
    }


def _group_share(agree: Mask, inside: IntArray | Mask, parameters: ModelEvaluation) -> Measurement:
    n, least = int(np.count_nonzero(inside)), parameters.minimum_group_size
    if n < least:
        return undefined(f"{n} measured rows are fewer than the minimum group size of {least}", n=n)
    return _share(agree[inside], parameters.confidence)


def _share(hits: Mask, confidence: float) -> Measurement:
    n, count = len(hits), int(np.count_nonzero(hits))
    if not n:
        return undefined("no row of the measured half is concerned")
    bounds = wilson(count, n, confidence)
    return Measurement(
        count / n, n, float(bounds.lower), float(bounds.upper), confidence, WILSON, numerator=count, denominator=n
    )


def _rule_to_dict(one: MeasuredRule) -> dict[str, Any]:
    conditions = [condition.to_dict() for condition in one.rule.conditions]
    return {
        "conditions": conditions,
        "decision": one.rule.decision,
        "share_of_rows": one.share_of_rows,
        "share_decided_positive": one.positive.to_dict(),
    }
