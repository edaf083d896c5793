"""The two bills of materials: CycloneDX, checked against its official schema, and the fairness evidence profile."""

import json
import re
from typing import Any
from uuid import UUID

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from apps.ml.evaluation.documents.bills.aibom import render_aibom
from apps.ml.evaluation.documents.bills.aibom_controls import Control, Facts, controls
from apps.ml.evaluation.documents.bills.aibom_risks import UNDATED, severity
from apps.ml.evaluation.documents.bills.ml_bom import render_ml_bom
from apps.ml.evaluation.evidence import signed
from apps.ml.files import sha256_of_json
from apps.ml.tests import small_evaluation

STATES = {"unknown", "missing", "simulated", "stale", "current", "reviewed", "not_applicable"}
OPENLY_UNKNOWN = ("missing", "unknown", "stale", "simulated")


def from_source(kind: str, record: dict[str, Any] | None = None) -> dict[str, Any]:
    """The record with another kind of source, signed anew."""
    content = record or small_evaluation.record()
    content["data"]["source_kind"] = kind
    return signed(content)


def by_name(record: dict[str, Any], facts: Facts = Facts()) -> dict[str, Control]:  # noqa: B008 (frozen)
    return {one.name: one for one in controls(record, facts)}


def component(profile: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in profile["components"] if one["component_id"] == name)
    return found


@pytest.mark.parametrize("kind", ["model", "decisions", "weighted decisions"])
def test_the_bill_fits_the_official_schema_of_cyclonedx(kind: str) -> None:
    record = {
        "model": small_evaluation.record,
        "decisions": small_evaluation.audit_record,
        "weighted decisions": lambda: small_evaluation.audit_record(True, True, True, "negative"),
    }[kind]()
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(render_ml_bom(record)) is None


def test_the_official_schema_is_a_check_that_can_fail() -> None:
    bill = json.loads(render_ml_bom(small_evaluation.record()))
    bill["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.5
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(json.dumps(bill)) is not None


def test_the_serial_number_follows_from_the_digest_and_there_is_no_time() -> None:
    record = small_evaluation.record()
    bill = json.loads(render_ml_bom(record))
    assert UUID(bill["serialNumber"].removeprefix("urn:uuid:")).version == 5
    assert render_ml_bom(record) == render_ml_bom(small_evaluation.record())
    other = from_source("files")
    assert json.loads(render_ml_bom(other))["serialNumber"] != bill["serialNumber"]
    assert "timestamp" not in bill["metadata"]


def test_metrics_are_written_with_slice_and_interval_and_the_undefined_with_its_reason() -> None:
    record = small_evaluation.record()
    model = json.loads(render_ml_bom(record))["components"][0]
    metrics = {
        (one["type"], one.get("slice")): one for one in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    }
    accuracy = record["performance"]["accuracy"]
    assert metrics[("accuracy", None)] == {
        "type": "accuracy",
        "value": repr(accuracy["value"]),
        "confidenceInterval": {"lowerBound": repr(accuracy["lower"]), "upperBound": repr(accuracy["upper"])},
    }
    assert ("selection_rate", "sex: men | boys") in metrics
    undefined = metrics[("true_positive_rate", "place: <none>")]
    assert undefined["value"].startswith("undefined: no row has the positive event")
    assert "confidenceInterval" not in undefined
    assert model["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]


def test_the_group_at_risk_is_the_one_with_the_lowest_favourable_rate() -> None:
    record = small_evaluation.record()
    record["fairness"]["sex"]["demographic_parity_ratio"] = {"value": None, "n": 0, "undefined": "one group"}
    model = json.loads(render_ml_bom(record))["components"][0]
    sex, place = model["modelCard"]["considerations"]["fairnessAssessments"]
    assert place["groupAtRisk"] == "place: <none>"
    assert "0.331" in place["harms"]
    assert sex["harms"].startswith("Not known: the ratio of favourable rates is undefined: one group")


def test_groups_with_the_same_rate_have_nobody_at_risk() -> None:
    record = small_evaluation.record()
    found = record["fairness"]["sex"]["demographic_parity_ratio"]
    found |= {"value": 1.0, "lower": 0.8, "upper": 1.0, "lowest": "men | boys", "highest": "men | boys"}
    model = json.loads(render_ml_bom(record))["components"][0]
    sex = model["modelCard"]["considerations"]["fairnessAssessments"][0]
    assert sex["groupAtRisk"] == "sex: none; the judged groups have the same favourable rate"
    assert "benefits" not in sex


def test_the_bill_claims_no_users_and_no_mitigation_that_the_record_does_not_hold() -> None:
    record = small_evaluation.record()
    record["policy"]["sensitive_inputs"] = ["sex"]
    considerations = json.loads(render_ml_bom(record))["components"][0]["modelCard"]["considerations"]
    assert "users" not in considerations
    assert considerations["ethicalConsiderations"] == [
        {"name": "Sensitive columns are inputs: sex", "mitigationStrategy": "Outcomes are compared between groups."}
    ]
    assert {one["mitigationStrategy"] for one in considerations["fairnessAssessments"]} == {
        "None is recorded in the evidence."
    }


def test_the_bill_says_at_which_confidence_its_intervals_hold() -> None:
    properties = json.loads(render_ml_bom(small_evaluation.record()))["metadata"]["properties"]
    assert {"name": "fairmind:evidence:confidence", "value": "0.95"} in properties


def test_decisions_without_a_model_have_a_bill_of_their_data_alone() -> None:
    bill = json.loads(render_ml_bom(small_evaluation.audit_record()))
    assert [one["type"] for one in bill["components"]] == ["data"]
    assert bill["components"][0]["hashes"][0]["content"] == "2" * 64


def test_every_state_follows_from_a_fact() -> None:
    assert by_name(from_source("files"))["outcomes by group"].state == "current"
    assert by_name(from_source("generator"))["outcomes by group"].state == "simulated"
    assert by_name(from_source("unknown"))["outcomes by group"].state == "unknown"
    record = from_source("files")
    assert by_name(record, Facts(in_use="9" * 64))["outcomes by group"].state == "stale"
    assert by_name(record, Facts(in_use="1" * 64))["outcomes by group"].state == "current"
    assert by_name(record, Facts(reviewed=record["digest"]))["outcomes by group"].state == "reviewed"
    assert by_name(record, Facts(reviewed="9" * 64))["outcomes by group"].state == "current"
    assert by_name(record)["monitoring"].state == "missing"


def test_what_does_not_apply_is_told_from_what_is_missing() -> None:
    audit = by_name(small_evaluation.audit_record())
    assert audit["reasons"].state == "not_applicable"
    assert audit["errors by group"].state == "missing"
    assert audit["errors by group"].why == "there are no labels, so errors are not known"
    assert audit["scores by group"].state == "missing"
    assert audit["intersections"].state == "current"
    one = small_evaluation.audit_record()
    one["data"]["attributes"] = one["data"]["attributes"][:1]
    assert by_name(one)["intersections"].state == "not_applicable"
    assert by_name(from_source("files"))["intersections"].state == "missing"


def test_what_is_undefined_throughout_is_unknown() -> None:
    record = from_source("files")
    for part in record["fairness"].values():
        for name in list(part):
            if isinstance(part[name], dict) and "value" in part[name]:
                part[name] = {"value": None, "n": 0, "undefined": "one group"}
    assert by_name(record)["outcomes by group"].state == "unknown"
    record["explainability"]["reasons"] = {"undefined": "no row is decided unfavourably"}
    assert by_name(record)["reasons"].state == "unknown"


def test_the_digest_of_a_control_is_that_of_what_stands_at_its_pointer() -> None:
    record = from_source("files")
    for one in controls(record):
        if one.sha256 is None:
            assert one.evidence == ""
        else:
            found: Any = record
            for key in one.pointer.strip("/").split("/"):
                found = found[key]
            assert one.sha256 == sha256_of_json(found)
            assert one.evidence == f"evidence.json#{one.pointer} sha256:{one.sha256}"


def test_no_review_makes_simulated_evidence_real() -> None:
    record = from_source("generator")
    profile = json.loads(render_aibom(record, Facts(reviewed=record["digest"], reviewer="R. Viewer")))
    assert component(profile, "evaluation")["validation_state"] == "simulated"
    assert component(profile, "evaluation")["risk_summary"]["overall_severity"] == "unknown"
    assert profile["fairmind_context"]["generation_mode"] == "synthetic_fixture"


@pytest.mark.parametrize("kind", ["files", "generator", "unknown"])
def test_what_is_missing_unknown_stale_or_simulated_is_never_a_low_risk(kind: str) -> None:
    for facts in (Facts(), Facts(in_use="9" * 64)):
        record = from_source(kind)
        profile = json.loads(render_aibom(record, facts))
        for one in profile["components"]:
            states = {found["evidence_state"] for found in one["regulatory_mapping"]}
            assert states <= STATES
            if states & set(OPENLY_UNKNOWN):
                assert one["risk_summary"]["overall_severity"] in ("unknown", "high")
                assert one["reviewer_required_action"] != "approve"
        assert profile["risk_summary"]["overall_severity"] != "low"


def test_the_severity_of_a_measured_gap_follows_its_interval() -> None:
    record = from_source("files")
    ratios = {"sex": (0.9, 0.85, 0.99), "place": (0.9, 0.85, 0.99)}
    for part in record["fairness"].values():
        part["groups"] = {name: group for name, group in part["groups"].items() if group["judged"]}
    severities = []
    for place in ((0.9, 0.85, 0.99), (0.85, 0.75, 0.95), (0.6, 0.5, 0.7)):
        for attribute, (value, lower, upper) in (ratios | {"place": place}).items():
            record["fairness"][attribute]["demographic_parity_ratio"] = {
                "value": value,
                "n": 9,
                "lower": lower,
                "upper": upper,
                "lowest": "a",
                "highest": "b",
            }
        severities.append(severity(record, Facts()))
    assert severities == ["low", "medium", "high"]


def test_a_group_that_was_not_judged_keeps_the_risk_from_being_low() -> None:
    record = from_source("files")
    for part in record["fairness"].values():
        part["demographic_parity_ratio"] = {"value": 0.9, "n": 9, "lower": 0.85, "upper": 0.99}
    assert any(not group["judged"] for part in record["fairness"].values() for group in part["groups"].values())
    assert severity(record, Facts()) == "unknown"


def test_nobody_can_accept_simulated_evidence_and_it_supports_no_claim() -> None:
    record = from_source("generator")
    profile = json.loads(render_aibom(record, Facts(reviewed=record["digest"], reviewer="R. Viewer")))
    assert profile["review_summary"]["status"] == "review_required"
    assert any("made up by a generator" in one for one in profile["review_summary"]["pending_actions"])
    for name in ("data", "model", "evaluation"):
        found = component(profile, name)
        assert found["review_status"] == "review_required"
        assert found["reviewer_required_action"] == "request_more_evidence"
        assert found["claim_support"]["support_status"] == "unsupported"
        assert found["claim_support"]["supporting_evidence_refs"] == []
        assert found["risk_summary"]["reviewer_action"] == "Ask for evidence where it is open or simulated."


def test_evidence_is_listed_once_and_supports_only_where_it_is_sound() -> None:
    evaluation = component(json.loads(render_aibom(from_source("files"))), "evaluation")
    assert len(evaluation["evidence_refs"]) == len(set(evaluation["evidence_refs"])) == 1
    unsourced = component(json.loads(render_aibom(from_source("unknown"))), "evaluation")
    assert unsourced["claim_support"]["supporting_evidence_refs"] == []


def test_the_profile_names_the_rows_that_were_measured_and_no_others() -> None:
    assert component(json.loads(render_aibom(from_source("files"))), "evaluation")["component_name"] == (
        "test rows that were measured"
    )
    audit = json.loads(render_aibom(small_evaluation.audit_record()))
    assert component(audit, "evaluation")["component_name"] == "rows of the audited file"
    assert audit["fairmind_context"]["source_services"][0]["path"] == "evidence.json"


def test_the_profile_has_the_keys_of_version_0_1_0() -> None:
    profile = json.loads(render_aibom(from_source("files")))
    assert set(profile) == {
        *("profile_id", "profile_version", "bom_ref", "system_name", "system_domain", "generated_at"),
        *("fairmind_context", "components", "risk_summary", "review_summary", "limitations"),
    }
    assert profile["profile_version"] == "0.1.0"
    assert {one["component_type"] for one in profile["components"]} == {
        *("dataset", "model", "evaluation_set", "report", "monitor"),
    }
    for one in profile["components"]:
        assert set(one) == {
            *("component_id", "component_type", "component_name", "version", "upstream_components"),
            *("downstream_components", "protected_attributes_tested", "subgroup_coverage", "fairness_metrics"),
            *("bias_tests_run", "known_bias_risks", "remediation_history", "validation_state", "evidence_refs"),
            *("evidence_freshness", "review_status", "regulatory_mapping", "unknowns", "risk_summary"),
            *("claim_support", "evidence_gap_type", "evidence_state_reason", "component_fault_localization"),
            "reviewer_required_action",
        }
        assert one["evidence_freshness"]["evidence_state"] in STATES
    assert profile["bom_ref"] == json.loads(render_ml_bom(from_source("files")))["serialNumber"]


def test_known_faults_and_declared_proxies_among_the_inputs_are_risks() -> None:
    profile = json.loads(render_aibom(from_source("files")))
    assert [one["risk_id"] for one in component(profile, "data")["known_bias_risks"]] == [
        *("known-fault-1", "proxy-region <&> place"),
    ]


def test_a_time_stands_only_where_one_was_handed_in() -> None:
    undated = json.loads(render_aibom(from_source("files")))
    assert undated["generated_at"] == UNDATED
    assert any(UNDATED in sentence for sentence in undated["limitations"])
    dated = json.loads(render_aibom(from_source("files"), Facts(dated="2026-02-01")))
    assert dated["generated_at"] == "2026-02-01T00:00:00Z"
    assert not re.search("1970", json.dumps(dated))


def test_a_signed_review_is_named_and_accepts_only_what_has_no_gap() -> None:
    record = from_source("files")
    profile = json.loads(render_aibom(record, Facts("2026-02-01", None, record["digest"], "R. Viewer")))
    assert profile["review_summary"]["reviewer"] == "R. Viewer"
    assert profile["review_summary"]["status"] == "review_required"
    assert component(profile, "data")["review_status"] == "accepted"
    assert component(profile, "data")["evidence_gap_type"] == ["none"]
    assert component(profile, "monitor")["review_status"] == "review_required"
