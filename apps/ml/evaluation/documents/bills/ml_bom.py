"""The machine-learning bill of materials, CycloneDX 1.7: the model, the data, and what was measured, for machines.

References
----------
CycloneDX 1.7 (ECMA-424), JSON: `modelCard`, `performanceMetric`, `fairnessAssessment`, `componentData`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.documents.summary import limits
from apps.ml.evaluation.documents.words import (
    COMPARISONS,
    GROUP_MEASURES,
    NUMBER_COMPARISONS,
    NUMBER_GROUPS,
    RATES,
    estimator,
    figure,
    figure_interval,
    percent,
    spoken,
)
from apps.ml.evaluation.record.layout import FORMAT, task_of

SCHEMA = "http://cyclonedx.org/schema/bom-1.7.schema.json"
FAMILIES = {
    "logistic_regression": "linear model",
    "random_forest": "ensemble of decision trees",
    "hist_gradient_boosting": "gradient boosted decision trees",
    "lightgbm": "gradient boosted decision trees",
}
NO_MITIGATION = "None is recorded in the evidence."


def render_ml_bom(record: Mapping[str, Any]) -> str:
    """Return the bill of materials as JSON; for decisions without a model it lists the audited file alone.

    The serial number follows from the digest of the record, and there is no time in it: the same record gives the same
    bytes.
    """
    components = [_data(record)] if record["model"] is None else [_model(record), _data(record)]
    references = [component["bom-ref"] for component in components]
    content = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": serial_number(record),
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "FairMind ML"}]},
            "component": {"type": "application", "bom-ref": "system", "name": record["data"]["title"]},
            "properties": _properties(
                {
                    "fairmind:evidence:sha256": record["digest"],
                    "fairmind:evidence:format": FORMAT,
                    "fairmind:evidence:subject": record["subject"],
                    "fairmind:evidence:confidence": record["inference"]["confidence"],
                }
            ),
        },
        "components": components,
        "dependencies": [
            {"ref": one, "dependsOn": [other]}
            for one, other in zip(["system", *references[:-1]], references, strict=True)
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def serial_number(record: Mapping[str, Any]) -> str:
    """Return the name of the bill of materials, which follows from the digest of the record."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, 'fairmind:evidence:' + record['digest'])}"


def _model(record: Mapping[str, Any]) -> dict[str, Any]:
    model = record["model"]
    return {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": record["data"]["dataset"],
        "version": model["bundle_sha256"],
        "description": f"{estimator(model['estimator'])}, fitted on {model['training_rows']} rows",
        "hashes": [{"alg": "SHA-256", "content": model["bundle_sha256"]}],
        "modelCard": {
            "bom-ref": "model-card",
            "modelParameters": _parameters(record),
            "quantitativeAnalysis": {"performanceMetrics": list(_metrics(record))},
            "considerations": _considerations(record),
        },
    }


def _parameters(record: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {column["name"]: column.get("kind") or "value" for column in record["data"]["columns"]}
    return {
        "approach": {"type": "supervised"},
        "task": "regression" if task_of(record) == REGRESSION else "classification",
        "architectureFamily": FAMILIES.get(record["model"]["estimator"], "other"),
        "modelArchitecture": record["model"]["estimator"],
        "datasets": [{"ref": "data"}],
        "inputs": [{"format": f"{name}: {kinds.get(name, 'value')}"} for name in record["model"]["input_columns"]],
        "outputs": [{"format": _output(record)}],
    }


def _output(record: Mapping[str, Any]) -> str:
    decision = record["decision"]
    if task_of(record) == REGRESSION:
        return f"{decision['positive_name']}, number" + (f" in {decision['unit']}" if decision["unit"] else "")
    return f"probability of “{decision['positive_name']}”, number from 0 to 1"


def _metrics(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (_metric(name, found) for name, found in record["performance"].items() if _is_measured(found))
    for attribute, part in record["fairness"].items():
        compared = (*COMPARISONS, *NUMBER_COMPARISONS)
        yield from (_metric(name, part[name], attribute) for name in compared if name in part)
        for group, measures in part["groups"].items():
            shown = [name for name in dict.fromkeys((*RATES, *GROUP_MEASURES, *NUMBER_GROUPS)) if name in measures]
            yield from (_metric(name, measures[name], f"{attribute}: {group}") for name in shown)


def _metric(name: str, found: Mapping[str, Any], part: str | None = None) -> dict[str, Any]:
    """Return one performance metric; numbers are text there, and an undefined one says why."""
    value = f"undefined: {found['undefined']}" if found["value"] is None else repr(found["value"])
    metric: dict[str, Any] = {"type": name, "value": value}
    if part is not None:
        metric["slice"] = part
    bounds = {"lowerBound": found.get("lower"), "upperBound": found.get("upper")}
    known = {name: repr(bound) for name, bound in bounds.items() if bound is not None}
    return metric | ({"confidenceInterval": known} if known else {})


def _considerations(record: Mapping[str, Any]) -> dict[str, Any]:
    policy = record["policy"]
    inputs = ", ".join(policy["sensitive_inputs"])
    return {
        "useCases": [_use(record)],
        "technicalLimitations": limits(record),
        "ethicalConsiderations": [
            {
                "name": f"Sensitive columns are inputs: {inputs}" if inputs else "Sensitive columns are no inputs",
                "mitigationStrategy": "Outcomes are compared between groups"
                + ("." if inputs else ", since other columns may stand in for them."),
            }
        ],
        "fairnessAssessments": [_assessment(name, part) for name, part in record["fairness"].items()],
    }


def _assessment(attribute: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Say which group gets the favourable outcome least, or is predicted worst, and by how much."""
    if "largest_group_loss" in part:
        return _number_assessment(attribute, part)
    ratio = part.get("demographic_parity_ratio", {"value": None, "undefined": "it was not measured"})
    if ratio["value"] is None:
        groups = ", ".join(part["groups"])
        return {
            "groupAtRisk": f"{spoken(attribute)}: {groups}",
            "harms": f"Not known: the ratio of favourable rates is undefined: {ratio['undefined']}.",
            "mitigationStrategy": NO_MITIGATION,
        }
    if ratio["value"] == 1:
        return {
            "groupAtRisk": f"{spoken(attribute)}: none; the judged groups have the same favourable rate",
            "harms": f"Ratio of favourable rates 1.000, interval {_bound(ratio, 'lower')} to {_bound(ratio, 'upper')}.",
            "mitigationStrategy": NO_MITIGATION,
        }
    lowest, highest = ratio.get("lowest") or "not named", ratio.get("highest") or "not named"
    return {
        "groupAtRisk": f"{spoken(attribute)}: {lowest}",
        "benefits": f"The favourable outcome reaches {lowest} at {percent(ratio['value'])} of the rate of {highest}.",
        "harms": f"Ratio of favourable rates {ratio['value']:.3f}, interval {_bound(ratio, 'lower')} to "
        f"{_bound(ratio, 'upper')}; under 0.8 is commonly taken as a sign of adverse impact.",
        "mitigationStrategy": NO_MITIGATION,
    }


def _number_assessment(attribute: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Say for which group predictions are furthest from the labels."""
    loss, gap = part["largest_group_loss"], part["mean_error_difference"]
    if loss["value"] is None:
        harms = f"Not known: the largest group loss is undefined: {loss['undefined']}."
        return {
            "groupAtRisk": f"{spoken(attribute)}: {', '.join(part['groups'])}",
            "harms": harms,
            "mitigationStrategy": NO_MITIGATION,
        }
    told = gap["value"] is not None
    between = f"; mean errors differ by {figure(gap['value'])} {figure_interval(gap)}" if told else ""
    return {
        "groupAtRisk": f"{spoken(attribute)}: {loss['highest']}",
        "harms": f"Largest mean absolute error {figure(loss['value'])} {figure_interval(loss)}{between}.",
        "mitigationStrategy": NO_MITIGATION,
    }


def _use(record: Mapping[str, Any]) -> str:
    decision = record["decision"]
    if task_of(record) == REGRESSION:
        return f"Estimates of {decision['positive_name']}"
    return f"Decisions between “{decision['positive_name']}” and “{decision['negative_name']}”"


def _bound(found: Mapping[str, Any], name: str) -> str:
    return f"{found[name]:.3f}" if found.get(name) is not None else "unbounded"


def _data(record: Mapping[str, Any]) -> dict[str, Any]:
    data = record["data"]
    rows = ", ".join(f"{split} {rows}" for split, rows in data["rows"].items())
    content: dict[str, Any] = {
        "type": "data",
        "bom-ref": "data",
        "name": data["dataset"],
        "description": data["title"],
        "data": [
            {
                "bom-ref": "data-set",
                "type": "dataset",
                "name": data["dataset"],
                "description": f"Rows: {rows}. Kind of source: {spoken(data['source_kind'])}.",
                "sensitiveData": [column["name"] for column in data["columns"] if column.get("sensitive")],
            }
        ],
        "properties": _properties({f"fairmind:known-fault:{at}": text for at, text in enumerate(data["known_faults"])}),
    }
    if data["source_digest"]:
        content["hashes"] = [{"alg": "SHA-256", "content": data["source_digest"]}]
    if data["licence"]:
        content["licenses"] = [{"license": {"name": data["licence"]}}]
    return content


def _properties(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"name": name, "value": str(value)} for name, value in values.items()]


def _is_measured(found: Any) -> bool:
    return isinstance(found, Mapping) and {"value", "n"} <= found.keys()
