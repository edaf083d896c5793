"""How a rule that predicts numbers behaves: what it listens to, how, for whom, and what a few simple rules would say.

The parts are those of :mod:`apps.ml.evaluation.explanations.behaviour`, in the unit of the label.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.errors import DataError
from apps.ml.evaluation.explanations.contributions.by_group import AttributeContributions, contributions_by_group
from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.evaluation.explanations.decision_rule import ScoringRule
from apps.ml.evaluation.explanations.effects_of_columns.effects import Effects, column_effects
from apps.ml.evaluation.explanations.effects_of_columns.number_permutation import (
    NumberPermutationImportance,
    number_permutation_importance,
)
from apps.ml.evaluation.explanations.effects_of_columns.number_tree import NumberTree, number_tree
from apps.ml.evaluation.explanations.scored_model import IntArray
from apps.ml.evaluation.statistics.counting.checked_columns import finite_values, require_equal_lengths
from apps.ml.parameters import ModelEvaluation


@dataclass(frozen=True)
class NumberRows:
    """The test rows whose predictions are explained, all parts aligned by position.

    `frame`: typed data frame [n, columns of the rule]; `labels`: float64 [n]; `groups`: data frame [n, attributes] of
    group names; `positions`: int64 [m], where the rows lie that the contributions explain; `rows`: int64 [n], number of
    each row in the source.
    """

    frame: pd.DataFrame
    labels: npt.NDArray[np.float64]
    groups: pd.DataFrame
    positions: IntArray
    rows: IntArray


@dataclass(frozen=True)
class NumberBehaviour:
    """The behaviour of one rule; `output` is the scale of the contributions, `top` the columns shown."""

    permutation: NumberPermutationImportance
    effects: Effects
    surrogate: NumberTree
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


def explain_number_behaviour(
    rule: ScoringRule, rows: NumberRows, contributions: Contributions, parameters: ModelEvaluation
) -> NumberBehaviour:
    """Explain how a rule that predicts numbers behaves on test rows, deterministically by the seed of `parameters`.

    Parameters
    ----------
    rule : ScoringRule
    rows : NumberRows
    contributions : Contributions
        By source column [m, columns], of the rows at `rows.positions`.
    parameters : ModelEvaluation

    Raises
    ------
    DataError
        Parts of `rows` differ in length, labels are not finite, or a column of the rule is missing.
    """
    missing = [column.name for column in rule.columns if column.name not in rows.frame.columns]
    if missing:
        raise DataError(f"the rows lack the columns {', '.join(missing)}. Hand in all input columns of the model.")
    labels = finite_values(rows.labels, "labels")
    require_equal_lengths({"rows": len(rows.frame), "labels": len(labels), "groups": len(rows.groups)})
    frame = rows.frame[[column.name for column in rule.columns]].reset_index(drop=True)
    groups = rows.groups.reset_index(drop=True)
    permutation = number_permutation_importance(rule, frame, labels, parameters)
    columns = _leading(rule, contributions, permutation)[: parameters.explanations.effect_columns]
    return NumberBehaviour(
        permutation=permutation,
        effects=column_effects(rule, frame, rows.rows, columns, parameters, output="value"),
        surrogate=number_tree(rule, frame, groups, parameters),
        by_group=contributions_by_group(contributions, groups, rows.positions, parameters),
        output=contributions.output,
        top=parameters.explanations.top_features,
    )


def _leading(rule: ScoringRule, found: Contributions, permutation: NumberPermutationImportance) -> list[str]:
    """Names of the rule's columns, most important first; equally important ones in the rule's order."""
    if found.is_defined and len(found.values):
        size = dict(zip(found.columns, np.abs(found.values).mean(axis=0).tolist(), strict=True))
    else:
        size = {name: one.mean_change.value or 0.0 for name, one in permutation.columns.items()}
    return sorted((column.name for column in rule.columns), key=lambda name: -size.get(name, 0.0))
