"""Everything that is found out about one model that predicts numbers, on rows it never saw.

Wires the parts of this folder together; every number is computed by one of them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.assessed_model import AssessedModel, explained_rows
from apps.ml.evaluation.evidence import Findings
from apps.ml.evaluation.explanations.decision_rule import NumberRule
from apps.ml.evaluation.explanations.explanation import Explanation, explain
from apps.ml.evaluation.explanations.number_behaviour import NumberRows, explain_number_behaviour
from apps.ml.evaluation.explanations.value_change import value_changes
from apps.ml.evaluation.fairness.regression import assess_regression
from apps.ml.evaluation.numbers.curves import number_curves
from apps.ml.evaluation.numbers.performance import measure_numbers, number_performance_report
from apps.ml.evaluation.statistics.measurement import undefined
from apps.ml.evaluation.truth import check_numbers_against_truth
from apps.ml.parameters import ModelEvaluation

Numbers = npt.NDArray[np.float64]

NO_DECISIONS = "the model predicts numbers and decides nothing, so there is no unfavourable decision"
OF_DECISIONS = "decisions are compared among persons who are alike; the model predicts numbers and decides nothing"


def number_rule(model: AssessedModel) -> NumberRule:
    """Return what is served: from input columns to predicted numbers."""
    info = model.bundle.info
    return NumberRule(info.columns, model.bundle.score, info.favourable)


def assess_numbers(model: AssessedModel, predictions: Numbers, parameters: ModelEvaluation) -> Findings:
    """Measure, compare and explain predictions float64 [n] of the test rows; deterministic by the seed."""
    labels = np.asarray(model.test.labels, dtype=np.float64)
    explanation = explain(model.bundle, explained_rows(model), parameters)
    fairness = assess_regression(labels, predictions, model.groups, parameters)
    metrics = measure_numbers(labels, predictions, parameters.confidence)
    return Findings(
        performance=number_performance_report(metrics, model.schema, len(labels)),
        fairness=_fairness(model, fairness.to_dict(), parameters),
        counts={},
        moments=fairness.moments_to_dict(),
        inference=fairness.inference_to_dict(),
        curves=number_curves(labels, predictions, model.groups, parameters),
        explainability=_explainability(model, explanation, labels, parameters),
        local_explanations=explanation.local_to_list(parameters.explanations.top_features),
        truth=check_numbers_against_truth(model.test.held_out, predictions, model.test.groups, parameters.confidence),
    )


def _fairness(model: AssessedModel, content: dict[str, Any], parameters: ModelEvaluation) -> dict[str, Any]:
    """Add what swapping the sensitive value alone changes, and why nothing is conditional."""
    rule, frame = number_rule(model), model.inputs(model.test)
    changes = value_changes(rule, frame, model.groups, model.attributes, parameters.confidence, parameters.seed)
    nothing = undefined(OF_DECISIONS, n=len(frame)).to_dict()
    for name, change in changes.items():
        content[name]["individual"] = {"counterfactual_change": change.to_dict()}
        content[name]["conditional"] = {column: {"difference": nothing} for column in parameters.conditional_on}
    return content


def _explainability(
    model: AssessedModel, explanation: Explanation, labels: Numbers, parameters: ModelEvaluation
) -> dict[str, Any]:
    rows = NumberRows(model.inputs(model.test), labels, model.groups, explanation.positions, model.test.rows)
    behaviour = explain_number_behaviour(number_rule(model), rows, explanation.contributions, parameters)
    decisions = {"reasons": {"undefined": NO_DECISIONS}, "counterfactuals": {"undefined": NO_DECISIONS}}
    return {**explanation.to_dict(), "behaviour": behaviour.to_dict(), **decisions}
