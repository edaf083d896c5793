"""Explanations of decisions: reasons for unfavourable ones, ways to the favourable one, and what the group alone does.

Everything is asked of the deployed rule, from a person's columns to the decision, and is the same for the same rows and
seed. The dictionaries name people by their number in the source alone and hold no value of anybody.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.explanations.decision_rows import DecisionRows, require_aligned
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.flip_rate import flip_rates
from apps.ml.evaluation.explanations.reasons_given.reason_report import report_reasons
from apps.ml.evaluation.explanations.scored_model import sample_rows
from apps.ml.evaluation.explanations.ways.counterfactual_report import report_counterfactuals
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.parameters import ModelEvaluation

__all__ = ["DecisionExplanations", "DecisionRows", "explain_decisions"]

REASON_ROWS = 22
"""Stream of randomness that draws the rows whose reasons are examined."""

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True)
class DecisionExplanations:
    """What was found about decisions: `reasons` and `counterfactuals` as JSON, and the flip rate per attribute."""

    reasons: dict[str, Any]
    counterfactuals: dict[str, Any]
    flip_rates: dict[str, Measurement]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content: `reasons` and `counterfactuals`; flip rates belong to the fairness of an attribute."""
        return {"reasons": self.reasons, "counterfactuals": self.counterfactuals}


def explain_decisions(rule: DecisionRule, rows: DecisionRows, parameters: ModelEvaluation) -> DecisionExplanations:
    """Explain the decisions of a rule on test rows, deterministically by the seed of `parameters`.

    Parameters
    ----------
    rule : DecisionRule
        What is served.
    rows : DecisionRows
        All test rows; how many are looked at is said by `parameters.explanations`.
    parameters : ModelEvaluation

    Raises
    ------
    DataError
        The parts of `rows` differ in length, or an input column is missing.
    """
    require_aligned(rows)
    unfavourable = _unfavourable(rule, rows.frame)
    drawn = unfavourable[
        sample_rows(len(unfavourable), parameters.explanations.reason_rows, parameters.seed, REASON_ROWS)
    ]
    attributes = tuple(attribute for attribute in rows.attributes if attribute.name in rows.groups.columns)
    return DecisionExplanations(
        reasons=report_reasons(rule, rows, drawn, len(unfavourable), parameters),
        counterfactuals=report_counterfactuals(rule, rows, drawn, unfavourable, parameters),
        flip_rates=flip_rates(rule, rows.frame, rows.groups, attributes, parameters.confidence, parameters.seed),
    )


def _unfavourable(rule: DecisionRule, frame: pd.DataFrame) -> Positions:
    if not len(frame):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(~rule.is_favourable(frame[[column.name for column in rule.columns]]))
