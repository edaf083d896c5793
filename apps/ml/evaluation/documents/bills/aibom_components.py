"""The components of the fairness evidence profile (data, model, evaluation, report, monitoring), with their gaps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from apps.ml.evaluation.documents.bills.aibom_controls import (
    OPEN_STATES,
    UNPROVEN_STATES,
    Control,
    Facts,
    state_of_measurements,
)
from apps.ml.evaluation.documents.bills.aibom_risks import FOUR_FIFTHS, is_reviewed, moment, risks, severity
from apps.ml.evaluation.documents.words import COMPARISONS, NUMBER_COMPARISONS, estimator, spoken

COMPONENTS = {
    "data": ("dataset", [], ["model", "evaluation"]),
    "model": ("model", ["data"], ["evaluation"]),
    "evaluation": ("evaluation_set", ["data", "model"], ["report"]),
    "report": ("report", ["evaluation"], []),
    "monitor": ("monitor", ["model"], []),
}
"""Component → its type, what it is made from, and what is made from it."""

GAPS = {
    "outcomes by group": "missing_protected_attribute_test",
    "errors by group": "missing_protected_attribute_test",
    "intersections": "missing_subgroup_coverage",
    "monitoring": "disconnected_monitor",
}
"""Control → the gap that a reviewer knows it by, where there is one."""


def component_of(name: str, record: Mapping[str, Any], facts: Facts, own: Sequence[Control]) -> dict[str, Any]:
    """Return one of :data:`COMPONENTS` as the profile lists it; `own` are the controls that speak of it."""
    kind, upstream, downstream = COMPONENTS[name]
    state, why = _state(own, record, facts)
    gaps = [one for one in own if one.state in OPEN_STATES]
    unproven = [one for one in own if one.state in UNPROVEN_STATES]
    measured = name == "evaluation"
    reviewed = is_reviewed(record, facts)
    return {
        "component_id": name,
        "component_type": kind,
        "component_name": _name(name, record),
        "version": _version(name, record),
        "upstream_components": _known(upstream, record),
        "downstream_components": _known(downstream, record),
        "protected_attributes_tested": [spoken(attribute) for attribute in record["fairness"]] if measured else [],
        "subgroup_coverage": _coverage(record) if measured else _no_coverage(),
        "fairness_metrics": list(_metrics(record, facts)) if measured else [],
        "bias_tests_run": [_test(one) for one in own if one.state not in ("missing", "not_applicable")],
        "known_bias_risks": list(_bias_risks(name, record, state)),
        "remediation_history": [],
        "validation_state": _validation(state, own),
        "evidence_refs": _references(own),
        "evidence_freshness": {
            "last_updated": moment(facts.dated) if facts.dated else None,
            "expires_at": None,
            "staleness_rule": "Stale as soon as a model with another bundle digest is in use.",
            "evidence_state": state,
        },
        "review_status": "accepted" if reviewed and not unproven else "review_required" if unproven else "pending",
        "regulatory_mapping": [_mapping(one) for one in own],
        "unknowns": [f"{one.name}: {one.why}" for one in gaps],
        "risk_summary": risks(own, [severity(record, facts)] if measured else [], []),
        "claim_support": _support(name, own, unproven),
        "evidence_gap_type": _gap_types(gaps, reviewed),
        "evidence_state_reason": why,
        "component_fault_localization": {
            "fault_component_id": name,
            "upstream_faults": [],
            "downstream_claims_affected": [one.claim for one in unproven],
            "localization_confidence": "high" if gaps else "unknown",
        },
        "reviewer_required_action": _action(unproven, reviewed),
    }


def _state(own: Sequence[Control], record: Mapping[str, Any], facts: Facts) -> tuple[str, str]:
    """Return the state of a component: what is open comes first, else what its measurements have."""
    applicable = [one for one in own if one.state != "not_applicable"]
    if not applicable:
        return "not_applicable", "no control applies to this component"
    if all(one.state == "missing" for one in applicable):
        return "missing", "; ".join(f"{one.name}: {one.why}" for one in applicable)
    state, why = state_of_measurements(record, facts)
    lacking = [one.name for one in applicable if one.state == "missing"]
    return state, why + (f"; missing: {', '.join(lacking)}" if lacking else "")


def _name(component: str, record: Mapping[str, Any]) -> str:
    names = {
        "data": record["data"]["title"],
        "model": estimator(record["model"]["estimator"]) if record["model"] is not None else "",
        "evaluation": "test rows that were measured" if record["model"] is not None else "rows of the audited file",
        "report": "evidence record",
        "monitor": "monitoring after deployment",
    }
    return names[component]


def _version(component: str, record: Mapping[str, Any]) -> str:
    if component == "model":
        return str(record["model"]["bundle_sha256"])
    if component == "monitor":
        return "none"
    return (record["data"]["source_digest"] or "not stated") if component == "data" else str(record["digest"])


def _known(names: Iterable[str], record: Mapping[str, Any]) -> list[str]:
    return [name for name in names if name != "model" or record["model"] is not None]


def _coverage(record: Mapping[str, Any]) -> dict[str, Any]:
    groups = [
        (f"{spoken(attribute)}: {name}", group["judged"])
        for attribute, part in record["fairness"].items()
        for name, group in part["groups"].items()
    ]
    return {
        "evaluated_groups": [name for name, judged in groups if judged],
        "missing_groups": [name for name, judged in groups if not judged],
        "coverage_notes": f"Missing are groups under {record['parameters']['minimum_group_size']} rows and persons "
        "whose group is unknown: shown with their rates, not judged.",
    }


def _no_coverage() -> dict[str, Any]:
    return {"evaluated_groups": [], "missing_groups": [], "coverage_notes": "Groups belong to the evaluation."}


def _metrics(record: Mapping[str, Any], facts: Facts) -> Iterator[dict[str, Any]]:
    state, _ = state_of_measurements(record, facts)
    for attribute, part in record["fairness"].items():
        for name in (*COMPARISONS, *NUMBER_COMPARISONS):
            if name in part:
                found = part[name]
                groups = [found[end] for end in ("lowest", "highest") if found.get(end) is not None]
                yield {
                    "metric": f"{attribute}.{name}",
                    "value": found["value"],
                    "threshold": FOUR_FIFTHS if name == "demographic_parity_ratio" else None,
                    "affected_groups": groups,
                    "evidence_state": "unknown" if found["value"] is None else state,
                }


def _test(one: Control) -> dict[str, Any]:
    return {
        "test_name": one.name,
        "test_type": one.component,
        "result": one.why,
        "evidence_state": one.state,
        "evidence_ref": one.evidence,
    }


def _mapping(one: Control) -> dict[str, Any]:
    return {
        "framework": one.framework,
        "control": one.reference,
        "claim": one.claim,
        "evidence_state": one.state,
    }


def _bias_risks(component: str, record: Mapping[str, Any], state: str) -> Iterator[dict[str, Any]]:
    if component != "data":
        return
    for at, text in enumerate(record["data"]["known_faults"], start=1):
        yield _risk(f"known-fault-{at}", text, [], state)
    inputs = record["model"]["input_columns"] if record["model"] is not None else []
    for column in record["data"]["columns"]:
        proxy_of = column.get("proxy_of")
        if proxy_of and column["name"] in inputs:
            text = f"{column['name']} is an input and a declared proxy of {spoken(proxy_of)}"
            yield _risk(f"proxy-{column['name']}", text, [spoken(proxy_of)], state)


def _risk(name: str, text: str, groups: list[str], state: str) -> dict[str, Any]:
    return {
        "risk_id": name,
        "description": text,
        "affected_groups": groups,
        "severity": "unknown",
        "evidence_state": state,
    }


def _validation(state: str, own: Sequence[Control]) -> str:
    if state == "simulated":
        return "simulated"
    if state in ("missing", "unknown", "stale", "not_applicable") or not own:
        return "untested"
    return "reviewed" if state == "reviewed" else "validated"


def _references(own: Iterable[Control]) -> list[str]:
    """Return the evidence of some controls, each once."""
    return list(dict.fromkeys(one.evidence for one in own if one.evidence))


def _support(name: str, own: Sequence[Control], gaps: Sequence[Control]) -> dict[str, Any]:
    applicable = [one for one in own if one.state != "not_applicable"]
    status = "supported" if not gaps else "partially_supported" if len(gaps) < len(applicable) else "unsupported"
    return {
        "claim_id": f"{name}.reviewable",
        "claim_text": " ".join(one.claim for one in own) or "Nothing is claimed.",
        "support_status": status if applicable else "not_applicable",
        "supporting_evidence_refs": _references(one for one in own if one not in gaps),
        "unsupported_reason": "; ".join(f"{one.name}: {one.why}" for one in gaps),
    }


def _gap_types(gaps: Sequence[Control], reviewed: bool) -> list[str]:
    named = {GAPS[one.name] for one in gaps if one.name in GAPS and one.state != "stale"}
    named |= {"stale_fairness_result" for one in gaps if one.state == "stale"}
    named |= set() if reviewed else {"missing_reviewer_approval"}
    return sorted(named) or ["none"]


def _action(gaps: Sequence[Control], reviewed: bool) -> str:
    if gaps:
        return "request_more_evidence"
    return "approve" if reviewed else "require_human_review"
