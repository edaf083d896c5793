"""How the deployed decision rule behaves: what it listens to, how, for whom, and what a few simple rules would say.

Everything here asks the rule itself, from a person's columns to a decision: encoding and threshold included. Only the
two parts by group rest on contributions, which explain the score before the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.errors import DataError
from apps.ml.evaluation.explanations.contributions.by_group import AttributeContributions, contributions_by_group
from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.effects_of_columns.effects import Effects, column_effects
from apps.ml.evaluation.explanations.effects_of_columns.permutation import PermutationImportance, permutation_importance
from apps.ml.evaluation.explanations.effects_of_columns.surrogate_tree import SurrogateTree, surrogate_tree
from apps.ml.evaluation.explanations.scored_model import IntArray
from apps.ml.evaluation.statistics.counting.checked_columns import binary_values, require_equal_lengths
from apps.ml.parameters import ModelEvaluation


@dataclass(frozen=True)
class BehaviourRows:
    """The test rows whose decisions are explained, all parts aligned by position.

    `frame`: typed data frame [n, columns of the rule]; `labels`: int8 [n] of 0 and 1; `groups`: data frame
    [n, attributes] of group names; `positions`: int64 [m], where the rows lie that the contributions explain.
    `rows`: int64 [n], number of each row in the source; None counts from 0.
    """

    frame: pd.DataFrame
    labels: npt.NDArray[np.int8]
    groups: pd.DataFrame
    positions: IntArray
    rows: IntArray | None = None

    @property
    def numbers(self) -> IntArray:
        """Number of each row in the source, int64 [n]."""
        return np.arange(len(self.frame), dtype=np.int64) if self.rows is None else self.rows


@dataclass(frozen=True)
class Behaviour:
    """The behaviour of one decision rule; `output` is the scale of the contributions, `top` the columns shown."""

    permutation: PermutationImportance
    effects: Effects
    surrogate: SurrogateTree
    by_group: dict[str, AttributeContributions]
    output: str
    top: int

    def to_dict(self) -> dict[str, Any]:
        """Content of `behaviour` in explainability.json: permutation, effects, surrogate, importance and gaps."""
        importance = {name: one.groups_to_dict(self.top) for name, one in self.by_group.items()}
        gaps = {name: one.gaps_to_dict(self.top) for name, one in self.by_group.items()}
        return {
            "permutation": self.permutation.to_dict(),
            "effects": self.effects.to_dict(),
            "surrogate": self.surrogate.to_dict(),
            "importance_by_group": {"output": self.output, "attributes": importance},
            "gap_shares": {"output": self.output, "attributes": gaps},
        }


def explain_behaviour(
    rule: DecisionRule, rows: BehaviourRows, contributions: Contributions, parameters: ModelEvaluation
) -> Behaviour:
    """Explain how a decision rule behaves on test rows, deterministically by the seed of `parameters`.

    Parameters
    ----------
    rule : DecisionRule
    rows : BehaviourRows
    contributions : Contributions
        By source column [m, columns], of the rows at `rows.positions`.
    parameters : ModelEvaluation

    Returns
    -------
    Behaviour
        Effects are those of the `explanations.effect_columns` columns with the largest mean absolute contribution or,
        where contributions are undefined, whose permutation flips most decisions.

    Raises
    ------
    DataError
        Parts of `rows` differ in length, a column of the rule is missing, labels are not 0 and 1, or positions lie
        outside the rows or are not those of the contributions.
    """
    _check(rule, rows, contributions)
    frame = rows.frame[[column.name for column in rule.columns]].reset_index(drop=True)
    groups = rows.groups.reset_index(drop=True)
    permutation = permutation_importance(rule, frame, rows.labels, parameters)
    columns = _leading(rule, contributions, permutation)[: parameters.explanations.effect_columns]
    return Behaviour(
        permutation=permutation,
        effects=column_effects(rule, frame, rows.numbers, columns, parameters),
        surrogate=surrogate_tree(rule, frame, groups, parameters),
        by_group=contributions_by_group(contributions, groups, rows.positions, parameters),
        output=contributions.output,
        top=parameters.explanations.top_features,
    )


def _leading(rule: DecisionRule, found: Contributions, permutation: PermutationImportance) -> Sequence[str]:
    """Names of the rule's columns, most important first; equally important ones in the rule's order."""
    if found.is_defined and len(found.values):
        size = dict(zip(found.columns, np.abs(found.values).mean(axis=0).tolist(), strict=True))
    else:
        size = {name: one.flipped.value or 0.0 for name, one in permutation.columns.items()}
    return sorted((column.name for column in rule.columns), key=lambda name: -size.get(name, 0.0))


def _check(rule: DecisionRule, rows: BehaviourRows, found: Contributions) -> None:
    missing = [column.name for column in rule.columns if column.name not in rows.frame.columns]
    if missing:
        raise DataError(f"the rows lack the columns {', '.join(missing)}. Hand in all input columns of the model.")
    binary_values(rows.labels, "labels")
    n = len(rows.frame)
    parts = {"rows": n, "labels": len(rows.labels), "groups": len(rows.groups), "row numbers": len(rows.numbers)}
    require_equal_lengths(parts)
    outside = int(np.count_nonzero((rows.positions < 0) | (rows.positions >= n)))
    if outside or (found.is_defined and len(found.values) != len(rows.positions)):
        raise DataError(
            f"{len(rows.positions)} positions among {n} rows do not fit the contributions of {len(found.values)} rows "
            f"({outside} lie outside). Hand in the positions of exactly the explained rows."
        )
