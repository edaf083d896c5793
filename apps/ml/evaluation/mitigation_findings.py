"""What a mitigation came to: its constraint measured with intervals, and whether the gap is within its tolerance.

On validation rows, which fitting and choosing looked at, and on test rows, which nobody looked at. The first says
whether the method did what it was asked to; only the second says what the model does to people. Verdicts are those of
the gates: PASS where the whole interval is within the tolerance, FAIL where none of it is, else INCONCLUSIVE.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from apps.ml.data.processed import REGRESSION, ProcessedSplit
from apps.ml.evaluation.assessed_model import AssessedModel
from apps.ml.evaluation.evidence import Findings
from apps.ml.evaluation.fairness.assessment import assess_fairness
from apps.ml.evaluation.fairness.regression import assess_regression
from apps.ml.evaluation.gates.judging import judge
from apps.ml.evaluation.statistics.shares.rates import Favourable
from apps.ml.models.bundle import BundleInfo, MitigationInfo, ModelBundle
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.parameters import Gate, ModelEvaluation

MEASURES: Mapping[str, str] = {
    "equalized_odds": "equalized_odds_difference",
    "equal_opportunity": "equal_opportunity_difference",
    "demographic_parity": "demographic_parity_difference",
    "bounded_group_loss": "largest_group_loss",
}
"""Constraint → the comparison of the evidence that it bounds."""


@dataclass(frozen=True)
class AssessedRows:
    """Fairness of some rows as the evidence holds it.

    `fairness`: attribute → comparisons by name and groups; `counts`: attribute → count table, empty for predicted
    numbers. `rows`: how many.
    """

    fairness: Mapping[str, Any]
    counts: Mapping[str, Any]
    rows: int


def mitigation_findings(info: BundleInfo, validation: AssessedRows | None, test: AssessedRows) -> dict[str, Any] | None:
    """Return the part `mitigation` of the evidence record, None where no mitigation was used.

    Parameters
    ----------
    validation, test : AssessedRows
        Both with the attribute of the mitigation; `validation` None leaves these rows out.

    Returns
    -------
    dict or None
        JSON-ready: what was asked for, what decisions depend on, `found` by the method itself, and `measured` by split:
        `rows`, `chosen_on` (whether fitting or choosing looked at them), `gap` (a measurement), `verdict`, `reason` and
        `rows_to_decide`.
    """
    if info.mitigation is None:
        return None
    entry = MITIGATIONS[info.mitigation.method]
    splits = {} if validation is None else {"validation": validation}
    return {
        "method": info.mitigation.method,
        "title": entry.title,
        "stage": entry.stage,
        "attribute": info.mitigation.attribute,
        "constraint": info.mitigation.constraint,
        "tolerance": info.mitigation.tolerance,
        "aims_at_constraint": bool(entry.constraints),
        "needs_sensitive_at_prediction": info.needs_sensitive_at_prediction,
        "randomised": info.randomised,
        "estimates_sensitive": info.mitigation.estimates_sensitive,
        "found": dict(info.mitigation.found),
        "measured": {
            name: _measured(info.mitigation, rows, info.favourable, name != "test")
            for name, rows in {**splits, "test": test}.items()
        },
    }


def measured_mitigation(model: AssessedModel, findings: Findings, parameters: ModelEvaluation) -> dict[str, Any] | None:
    """Return :func:`mitigation_findings` of a model whose test rows are assessed already."""
    validation = None if model.validation is None else assess_rows(model.bundle, model.validation, parameters)
    test = AssessedRows(findings.fairness, findings.counts, len(model.test))
    return mitigation_findings(model.bundle.info, validation, test)


def assess_rows(bundle: ModelBundle, split: ProcessedSplit, parameters: ModelEvaluation) -> AssessedRows | None:
    """Assess a bundle's answers on a split for the attribute of its mitigation; None where it has none."""
    if bundle.info.mitigation is None:
        return None
    groups = pd.DataFrame({bundle.info.mitigation.attribute: split.groups[bundle.info.mitigation.attribute]})
    alone = parameters.model_copy(update={"reference_groups": {}, "conditional_on": ()})
    answers = bundle.answers(split.inputs(bundle.info.columns))
    if bundle.info.task == REGRESSION or answers.decisions is None:
        content = assess_regression(split.labels, answers.scores, groups, alone).to_dict()
        return AssessedRows(content, {}, len(split))
    found = assess_fairness(split.labels, answers.decisions, groups, bundle.info.favourable, alone)
    return AssessedRows(found.to_dict(), found.counts_to_dict(), len(split))


def _measured(asked: MitigationInfo, rows: AssessedRows, favourable: Favourable, chosen_on: bool) -> dict[str, Any]:
    measure, attribute = MEASURES[asked.constraint], asked.attribute
    gate = Gate(name="mitigation", metric=f"fairness.*.{measure}", scope=(attribute,), at_most=asked.tolerance)
    counts = {name: table for name, table in rows.counts.items() if name == attribute}
    (result,) = judge([gate], {"fairness": {attribute: rows.fairness[attribute]}}, counts, favourable).results
    return {
        "rows": rows.rows,
        "chosen_on": chosen_on,
        "measure": measure,
        "gap": rows.fairness[attribute][measure],
        "verdict": result.verdict,
        "reason": result.reason,
        "rows_to_decide": result.rows_to_decide,
    }
