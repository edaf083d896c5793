"""Everything that is found out about one model on rows it never saw: from the deployed rule to findings.

Wires the parts of this folder together; every number is computed by one of them. A model that predicts numbers and
decides nothing is assessed by :mod:`apps.ml.evaluation.numbers.assessment`.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.assessed_model import AssessedModel, explained_rows
from apps.ml.evaluation.curves import curves_of
from apps.ml.evaluation.evidence import Findings
from apps.ml.evaluation.explanations.behaviour import BehaviourRows, explain_behaviour
from apps.ml.evaluation.explanations.coded_rows import columns_telling
from apps.ml.evaluation.explanations.decisions import DecisionExplanations, DecisionRows, explain_decisions
from apps.ml.evaluation.explanations.explanation import Explanation, explain
from apps.ml.evaluation.fairness.assessment import assess_fairness
from apps.ml.evaluation.metric_files import fairness_report, performance_report
from apps.ml.evaluation.mitigation_findings import measured_mitigation
from apps.ml.evaluation.numbers.assessment import assess_numbers
from apps.ml.evaluation.performance import measure_performance
from apps.ml.evaluation.statistics.consistency import consistency
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.truth import check_against_truth
from apps.ml.parameters import ModelEvaluation


@dataclass(frozen=True)
class Assessment:
    """Findings, the scores and decisions they are about, and the counts that fairness was measured from.

    `decisions`, `counts`: None where numbers are predicted and nothing is decided.
    """

    findings: Findings
    scores: npt.NDArray[np.float64]
    decisions: npt.NDArray[np.int8] | None
    counts: JointCounts | None


def assess_model(model: AssessedModel, parameters: ModelEvaluation) -> Assessment:
    """Measure, compare and explain; deterministic by the seed of `parameters`."""
    found = _assessment(model, parameters)
    measured = measured_mitigation(model, found.findings, parameters)
    return replace(found, findings=replace(found.findings, mitigation=measured))


def _assessment(model: AssessedModel, parameters: ModelEvaluation) -> Assessment:
    scores = model.bundle.score_encoded(model.encoded)
    if model.bundle.info.task == REGRESSION:
        return Assessment(assess_numbers(model, scores, parameters), scores, None, None)
    decisions = model.bundle.decide(model.bundle.decision_scores_encoded(model.encoded))
    explanation = explain(model.bundle, explained_rows(model), parameters)
    reasons = explain_decisions(model.rule, _decision_rows(model), parameters)
    fairness = assess_fairness(
        model.test.labels,
        decisions,
        model.groups,
        model.bundle.info.favourable,
        parameters,
        scores=scores,
        conditions=model.test.features[list(parameters.conditional_on)] if parameters.conditional_on else None,
    )
    findings = Findings(
        performance=_performance(model, scores, decisions, parameters),
        fairness=_with_individual(fairness_report(fairness), _individual(model, decisions, reasons, parameters)),
        counts=fairness.counts_to_dict(),
        inference=fairness.inference_to_dict(),
        curves=curves_of(fairness.joint, {one.name: (one.name,) for one in model.attributes}, parameters),
        explainability=_explainability(model, explanation, reasons, parameters),
        local_explanations=explanation.local_to_list(parameters.explanations.top_features),
        truth=check_against_truth(model.test.held_out, scores, model.test.groups, parameters.confidence),
    )
    return Assessment(findings, scores, decisions, fairness.joint)


def _performance(
    model: AssessedModel, scores: npt.NDArray[np.float64], decisions: npt.NDArray[np.int8], parameters: ModelEvaluation
) -> dict[str, Any]:
    info = model.bundle.info
    return performance_report(
        measure_performance(model.test.labels, scores, decisions, parameters),
        rows=len(model.test),
        threshold=model.threshold,
        positive_name=info.positive_name,
        favourable=info.favourable,
    )


def _individual(
    model: AssessedModel,
    decisions: npt.NDArray[np.int8],
    explanations: DecisionExplanations,
    parameters: ModelEvaluation,
) -> dict[str, dict[str, Measurement]]:
    """Per attribute: consistency with neighbours that differ in it or not, and what swapping its value changes."""
    features, of_columns = model.encoded, np.array(model.bundle.info.feature_sources)
    found: dict[str, dict[str, Measurement]] = {}
    consistencies: dict[tuple[str, ...], Measurement] = {}
    for attribute in model.attributes:
        telling = columns_telling(attribute, model.attributes)
        left_out = tuple(column for column in dict.fromkeys(of_columns.tolist()) if column in telling)
        if left_out not in consistencies:
            consistencies[left_out] = consistency(
                features[:, ~np.isin(of_columns, left_out)],
                decisions,
                parameters.consistency_neighbours,
                parameters.consistency_rows,
                parameters.seed,
                parameters.confidence,
            )
        found[attribute.name] = {
            "consistency": consistencies[left_out],
            "counterfactual_flip_rate": explanations.flip_rates[attribute.name],
        }
    return found


def _with_individual(fairness: dict[str, Any], individual: dict[str, dict[str, Measurement]]) -> dict[str, Any]:
    for name, measured in individual.items():
        added = {key: one.to_dict() for key, one in measured.items()}
        fairness[name]["individual"] = {**fairness[name]["individual"], **added}
    return fairness


def _explainability(
    model: AssessedModel, explanation: Explanation, explanations: DecisionExplanations, parameters: ModelEvaluation
) -> dict[str, Any]:
    rows = BehaviourRows(
        model.inputs(model.test), model.test.labels, model.groups, explanation.positions, model.test.rows
    )
    behaviour = explain_behaviour(model.rule, rows, explanation.contributions, parameters)
    return {**explanation.to_dict(), "behaviour": behaviour.to_dict(), **explanations.to_dict()}


def _decision_rows(model: AssessedModel) -> DecisionRows:
    return DecisionRows(
        frame=model.inputs(model.test),
        rows=model.test.rows,
        labels=model.test.labels,
        groups=model.groups,
        reference=model.inputs(model.training),
        attributes=model.attributes,
    )
