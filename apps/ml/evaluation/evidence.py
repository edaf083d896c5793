"""The evidence record of one model version: everything that was found out about it, in one JSON file.

The record is content-addressed: `digest` is the sha256 over everything else in it, so it changes exactly when a fact
changes. Every document is rendered from the record; the registry and each prediction carry its digest. It holds no
time, no path and no person's values. docs/ml/evidence.md describes every part, docs/contracts/evidence.schema.json its
types.

==================  ============================================================================================
format              number of this layout
digest              sha256 over the canonical JSON of all other parts
task                `binary_classification` or `regression`: whether decisions or numbers are predicted
subject             `model`, or `decisions` that came without one
model               estimator, rounds, inputs, mitigation, monotone columns, sha256 of the bundle's manifest
decision            threshold and its rule, names of both outcomes, which one is favourable; of a predicted number its
                    name and unit, and whether a high one is favourable
data                data set, kind of source, split, rows, digest of the source, columns, attributes, known faults
policy              what the decision depends on besides the features, and how the test rows were used
parameters          how the evaluation measured
inference           how sure single numbers and all numbers together are
performance         content of performance.json
fairness            content of fairness.json
counts              rows of every group by label and decision, from which every rate can be computed anew
moments             of predicted numbers in place of counts: rows, means and squares by group
curves              what pictures are drawn from
explainability      content of explainability.json
local_explanations  why sampled rows, named by their number alone, got their scores
truth               comparison with true probabilities, where the data set knows them
gates               what gates said where they judged before the record was signed, else null
mitigation          what the constraint of a mitigation came to, where one was used and measured, else null
==================  ============================================================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from apps.ml.data.processed import REGRESSION, ProcessedSchema
from apps.ml.evaluation.record.audit_findings import AuditedAttribute, AuditFindings, assemble_audit_evidence
from apps.ml.evaluation.record.layout import FORMAT
from apps.ml.evaluation.record.record_file import read_evidence, require_layout, signed, verify, write_evidence
from apps.ml.models.bundle import BundleInfo
from apps.ml.parameters import ModelEvaluation

__all__ = [
    "FORMAT",
    "AuditFindings",
    "AuditedAttribute",
    "Findings",
    "assemble_audit_evidence",
    "assemble_evidence",
    "read_evidence",
    "signed",
    "verify",
    "write_evidence",
]


@dataclass(frozen=True)
class Findings:
    """What the evaluation measured, each as JSON-ready content.

    `counts`: attribute → count table; `curves`: what pictures are drawn from; `inference`: at least `simultaneous`, how
    all numbers hold at once. `moments`: of predicted numbers, which have no counts; None for decisions. `mitigation`:
    what the constraint of a mitigation came to, or None.
    """

    performance: Mapping[str, Any]
    fairness: Mapping[str, Any]
    explainability: Mapping[str, Any]
    local_explanations: Sequence[Mapping[str, Any]]
    truth: Mapping[str, Any]
    counts: Mapping[str, Any]
    curves: Mapping[str, Any]
    inference: Mapping[str, Any]
    moments: Mapping[str, Any] | None = None
    mitigation: Mapping[str, Any] | None = None


def assemble_evidence(
    info: BundleInfo, bundle_digest: str, schema: ProcessedSchema, parameters: ModelEvaluation, findings: Findings
) -> dict[str, Any]:
    """Put the record together, sign it with its digest and check its layout.

    Parameters
    ----------
    info : BundleInfo
        What the evaluated bundle says about itself.
    bundle_digest : str
        sha256 of the bundle's manifest, which holds the sha256 of every file in it.
    schema : ProcessedSchema
        Of the data that trained and tested the model.
    parameters : ModelEvaluation
    findings : Findings

    Raises
    ------
    BadInputError
        A part does not have the layout.
    """
    content = {
        "task": info.task,
        "subject": "model",
        "model": _model(info, bundle_digest),
        "decision": _decision(info, schema),
        "data": _data(schema),
        "policy": _policy(info),
        "parameters": parameters.model_dump(mode="json"),
        "inference": {"confidence": parameters.confidence, **findings.inference},
        "performance": findings.performance,
        "fairness": findings.fairness,
        "counts": findings.counts,
        **({} if findings.moments is None else {"moments": findings.moments}),
        "curves": findings.curves,
        "explainability": findings.explainability,
        "local_explanations": list(findings.local_explanations),
        "truth": findings.truth,
        "gates": None,
        "mitigation": findings.mitigation,
    }
    record = signed(content)
    require_layout(record)
    return record


def _model(info: BundleInfo, bundle_digest: str) -> dict[str, Any]:
    return {
        "estimator": info.estimator,
        "rounds": info.rounds,
        "converged": info.converged,
        "training_rows": info.training_rows,
        "input_columns": [column.name for column in info.columns],
        "encoded_features": len(info.feature_names),
        "bundle_sha256": bundle_digest,
        "mitigation": None if info.mitigation is None else asdict(info.mitigation),
        "monotone": dict(info.monotone) or None,
        "calibration": None if info.calibration == "none" else info.calibration,
    }


def _decision(info: BundleInfo, schema: ProcessedSchema) -> dict[str, Any]:
    if info.task == REGRESSION:
        return {
            "threshold": None,
            "threshold_rule": None,
            "positive_name": info.positive_name,
            "negative_name": None,
            "favourable": info.favourable,
            "unit": schema.unit,
        }
    return {
        "threshold": info.threshold,
        "threshold_rule": info.threshold_rule,
        "positive_name": info.positive_name,
        "negative_name": info.negative_name,
        "favourable": info.favourable,
    }


def _data(schema: ProcessedSchema) -> dict[str, Any]:
    content = schema.to_dict()
    kept = ("name", "kind", "nullable", "sensitive", "description", "actionable", "proxy_of")
    names = (
        *("dataset", "title", "split", "rows", "source_digest", "source_kind", "licence"),
        *("known_faults", "leave_out", "held_out"),
    )
    return {
        **{name: content[name] for name in names},
        "columns": [{key: column[key] for key in kept} for column in content["columns"]],
        "attributes": content["attributes"],
        "notes": [],
    }


def _policy(info: BundleInfo) -> dict[str, Any]:
    return {
        "uses_sensitive": info.uses_sensitive,
        "sensitive_inputs": [column.name for column in info.columns if column.sensitive],
        "needs_sensitive_at_prediction": info.needs_sensitive_at_prediction,
        "randomised": info.randomised,
        "test_rows_seen_once": True,
    }
