"""Tests of data sets: what the engine is asked, and that its numbers and verdicts come through as they are."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from apps.backend.audit_log.tables import audit_entries
from apps.backend.bias_tests.metrics import METRIC_NAMES
from apps.backend.tests.bias_tests.conftest import API, Bench
from apps.backend.tests.bias_tests.scripted_evidence import DIGEST, Asked, Said, group
from apps.backend.tests.people.members import ask

LABELLED = tuple(name for name in METRIC_NAMES if name != "calibration")


def asked_audit(bench: Bench) -> Asked:
    """Return the only audit that was asked for."""
    found = [asked for asked in bench.evidence.asked if asked.path == "/v1/audits"]
    assert len(found) == 1
    return found[0]


def result(answer: httpx.Response, metric: str) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["results"][metric]
    return found


def test_everything_that_applies_is_asked_once(bench: Bench) -> None:
    test = bench.detect().json()
    assert tuple(test["results"]) == LABELLED
    asked = asked_audit(bench)
    assert asked.all("gate") == [
        "fairness.*.demographic_parity_ratio>=0.8",
        "fairness.*.equal_opportunity_difference<=0.2",
        "fairness.*.equalized_odds_difference<=0.2",
        "fairness.*.predictive_equality_difference<=0.2",
        "fairness.*.predictive_parity_difference<=0.2",
        "fairness.*.negative_predictive_parity_difference<=0.2",
        "fairness.*.accuracy_difference<=0.2",
    ]
    names = ("sensitive", "prediction", "label", "positive", "record", "score", "favourable", "negative", "no_gates")
    assert [asked.one(name) for name in names] == ['"sex"', "approved", "repaid", '"1"', "true", None, None, None, None]
    assert asked.headers["content-type"] == "text/csv"
    assert asked.body.startswith(b"sex,approved,repaid\n")


def test_every_option_reaches_the_engine(bench: Bench) -> None:
    dataset = bench.upload(b'"a ""b"", c",d,e,f\n1,2,3,4\n').json()["dataset_id"]
    answer = bench.detect(
        dataset_id=dataset,
        protected_attribute='a "b", c',
        prediction_column="d",
        ground_truth_column="e",
        score_column="f",
        positive_label=["Yes, of course", 1, 2.5, True],
        negative_label="no",
        favourable_label=0,
        fairness_threshold=0.9,
        bands=[25, 45.5],
        missing_values=["none", "?"],
        leave_out_missing=True,
        metrics=["calibration", "calibration"],
    )
    assert answer.status_code == 200, answer.text
    asked = asked_audit(bench)
    assert asked.all("sensitive") == ['"a ""b"", c"']
    assert asked.all("positive") == ['"Yes, of course"', '"1"', '"2.5"', '"true"']
    assert asked.all("negative") == ['"no"']
    assert asked.all("favourable") == ['"0"']
    assert asked.all("missing") == ['"none"', '"?"']
    assert asked.all("bands") == ['a "b", c=25,45.5']
    assert asked.all("gate") == ["fairness.*.calibration_error_difference<=0.1"]
    assert [asked.one(name) for name in ("score", "leave_out_missing", "name")] == ["f", "true", dataset]
    assert tuple(answer.json()["results"]) == ("calibration",)


def test_scores_may_decide(bench: Bench) -> None:
    answer = bench.detect(prediction_column=None, score_column="approved", score_threshold=0.25)
    assert answer.status_code == 200
    asked = asked_audit(bench)
    names = ("prediction", "score", "threshold")
    assert [asked.one(name) for name in names] == [None, "approved", "0.25"]


def test_what_passes_fails_or_is_not_decided_comes_through(bench: Bench) -> None:
    bench.evidence.said = {
        "demographic_parity_ratio": Said(0.5, 0.4, 0.6, "FAIL", "no part of it", more={"p_value": 0.0001}),
        "demographic_parity_difference": Said(0.3, 0.2, 0.4),
        "equal_opportunity_difference": Said(
            0.19, 0.05, 0.3, "INCONCLUSIVE", "the interval holds the limit 0.2", more={"rows_to_decide": 123_456}
        ),
        "predictive_parity_difference": Said(None, undefined="nobody of b is predicted positive"),
    }
    answer = bench.detect(metrics=["demographic_parity", "equal_opportunity", "predictive_parity", "accuracy_equality"])
    failed = result(answer, "demographic_parity")
    assert (failed["score"], failed["interval"], failed["disparity"]) == (0.5, [0.4, 0.6], 0.3)
    assert (failed["passed"], failed["verdict"], failed["reason"]) == (False, "FAIL", "no part of it")
    assert (failed["direction"], failed["limit"], failed["p_value"]) == ("at_least", 0.8, 0.0001)
    assert failed["group_scores"]["a"] == {"value": 0.5, "interval": [0.4, 0.6], "n": 600, "judged": True, "why": None}
    undecided = result(answer, "equal_opportunity")
    assert (undecided["passed"], undecided["verdict"]) == (None, "INCONCLUSIVE")
    assert undecided["score"] == undecided["disparity"] == 0.19
    assert undecided["rows_to_decide"] == 123_456
    assert "123,456 rows" in undecided["recommendations"][0]
    assert "Rows of b help most: it has 400" in undecided["recommendations"][1]
    undefined = result(answer, "predictive_parity")
    assert (undefined["score"], undefined["passed"], undefined["verdict"]) == (None, None, "UNDEFINED")
    assert undefined["reason"] == "nobody of b is predicted positive"
    assert result(answer, "accuracy_equality")["passed"] is True
    test = answer.json()
    counted = [test[f"metrics_{what}"] for what in ("passed", "failed", "inconclusive", "undefined")]
    assert counted == [1, 1, 1, 1]
    assert (test["verdict"], test["overall_risk"], test["evidence"]) == ("FAIL", "medium", DIGEST)


@pytest.mark.parametrize(
    ("failing", "risk"),
    [
        ([], "low"),
        (["accuracy_difference"], "medium"),
        (["accuracy_difference", "demographic_parity_ratio"], "high"),
        (["accuracy_difference", "demographic_parity_ratio", "predictive_parity_difference"], "critical"),
    ],
)
def test_the_risk_counts_broken_limits(bench: Bench, failing: list[str], risk: str) -> None:
    bench.evidence.said = {name: Said(0.5, 0.4, 0.6, "FAIL", "no part of it") for name in failing}
    assert bench.detect().json()["overall_risk"] == risk


def test_one_limit_that_two_metrics_ask_for_is_broken_once(bench: Bench) -> None:
    bench.evidence.said = {"demographic_parity_ratio": Said(0.5, 0.4, 0.6, "FAIL", "no part of it")}
    test = bench.detect(metrics=["demographic_parity", "disparate_impact"]).json()
    assert (test["metrics_failed"], test["overall_risk"]) == (2, "medium")
    assert len(asked_audit(bench).all("gate")) == 1


@pytest.mark.parametrize("verdict", ["INCONCLUSIVE", "UNDEFINED"])
def test_what_is_not_known_is_never_low_risk(bench: Bench, verdict: str) -> None:
    unknown = Said(None, undefined="nobody") if verdict == "UNDEFINED" else Said(0.1, 0, 0.3, verdict, "not decided")
    bench.evidence.said = {"accuracy_difference": unknown}
    test = bench.detect().json()
    assert (test["verdict"], test["overall_risk"]) == ("INCONCLUSIVE", "undetermined")


def test_without_truth_what_needs_it_is_undefined_and_not_failed(bench: Bench) -> None:
    test = bench.detect(
        ground_truth_column=None, metrics=["demographic_parity", "equalized_odds", "calibration"]
    ).json()
    odds = test["results"]["equalized_odds"]
    assert (odds["verdict"], odds["passed"], odds["score"], odds["interval"]) == ("UNDEFINED", None, None, None)
    assert "ground_truth_column" in odds["reason"]
    assert odds["recommendations"] == ["Test again: name `ground_truth_column`."]
    assert [test["metrics_failed"], test["metrics_undefined"], test["metrics_passed"]] == [0, 2, 1]
    assert asked_audit(bench).all("gate") == ["fairness.*.demographic_parity_ratio>=0.8"]
    assert tuple(bench.detect(ground_truth_column=None).json()["results"]) == ("demographic_parity", "disparate_impact")


def test_calibration_needs_scores(bench: Bench) -> None:
    found = result(bench.detect(metrics=["calibration"]), "calibration")
    assert found["verdict"] == "UNDEFINED"
    assert "score_column" in found["reason"]


def test_where_nothing_can_be_judged_the_engine_is_asked_to_report(bench: Bench) -> None:
    test = bench.detect(ground_truth_column=None, metrics=["equal_opportunity"]).json()
    asked = asked_audit(bench)
    assert (asked.all("gate"), asked.one("no_gates")) == ([], "true")
    assert (test["verdict"], test["overall_risk"]) == ("INCONCLUSIVE", "undetermined")


def test_decisions_that_are_all_alike_are_no_low_risk(bench: Bench) -> None:
    guard = {"verdict": "FAIL", "reason": "all 1,000 decisions are the same", "measurements": {}}
    bench.evidence.guards = {"constant predictor": guard}
    test = bench.detect().json()
    assert test["guards"] == {"constant predictor": {"verdict": "FAIL", "reason": guard["reason"]}}
    assert (test["verdict"], test["overall_risk"], test["metrics_failed"]) == ("FAIL", "medium", 0)
    bench.evidence.guards = {}
    bench.evidence.groups = {"a": group(600, 1.0), "b": group(400, 1.0)}
    unlabelled = bench.detect(ground_truth_column=None).json()
    assert unlabelled["guards"]["one decision for all"]["verdict"] == "INCONCLUSIVE"
    assert unlabelled["overall_risk"] == "undetermined"


def test_groups_that_are_not_judged_are_shown_and_named(bench: Bench) -> None:
    bench.evidence.groups["c"] = group(18, 0.5, judged=False, why_not="18 rows are fewer than the minimum of 30")
    test = bench.detect(metrics=["accuracy_equality"]).json()
    shown = test["results"]["accuracy_equality"]["group_scores"]["c"]
    assert (shown["judged"], shown["n"], shown["why"]) == (False, 18, "18 rows are fewer than the minimum of 30")
    assert any("No verdict speaks of c (18 rows" in note for note in test["notes"])


def test_a_test_is_read_as_it_was_answered_and_with_its_evidence(bench: Bench) -> None:
    test = bench.detect().json()
    assert bench.viewer.get(f"{API}/test/{test['test_id']}").json() == test
    evidence = bench.viewer.get(f"{API}/test/{test['test_id']}/evidence").json()
    assert evidence == {
        "test_id": test["test_id"],
        "evidence": DIGEST,
        "record": {"digest": DIGEST, "data": {"rows": 1000}},
    }


def test_a_test_outlives_its_data_set(bench: Bench) -> None:
    test = bench.detect().json()
    assert bench.analyst.delete(f"{API}/datasets/{test['dataset_id']}").status_code == 204
    assert bench.files() == []
    assert bench.viewer.get(f"{API}/test/{test['test_id']}").json() == test
    assert bench.detect().status_code == 404
    found = bench.viewer.get(f"{API}/history", params={"dataset_id": test["dataset_id"]}).json()["items"]
    assert [one["test_id"] for one in found] == [test["test_id"]]


def test_a_test_is_written_into_the_audit_log(bench: Bench) -> None:
    test = bench.detect().json()

    async def entries() -> list[Any]:
        query = select(audit_entries).where(audit_entries.c.organisation_id == bench.organisation.id)
        async with bench.product.parts.database.reading() as connection:
            return list((await connection.execute(query.order_by(audit_entries.c.sequence))).all())

    uploaded, made = bench.product.run(entries())
    assert (uploaded.action, uploaded.target) == ("dataset.uploaded", f"dataset:{test['dataset_id']}")
    assert (made.action, made.target) == ("bias_test.made", f"bias_test:{test['test_id']}")
    assert made.about == {
        "model": "loans",
        "dataset": test["dataset_id"],
        "verdict": test["verdict"],
        "evidence": DIGEST,
    }


def test_the_same_key_is_one_test(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = bench.detect(key), bench.detect(key)
    assert first.json() == again.json()
    asked_audit(bench)
    other = bench.detect(key, fairness_threshold=0.9)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


MISFITS: dict[str, dict[str, Any]] = {
    "unknown metric": {"metrics": ["demographic_party"]},
    "threshold 0": {"fairness_threshold": 0},
    "threshold above 1": {"fairness_threshold": 1.01},
    "unknown field": {"threshold": 0.8},
    "column twice": {"ground_truth_column": "approved"},
    "no such column": {"protected_attribute": "gender"},
    "no decisions": {"prediction_column": None},
    "decided twice": {"score_column": "x", "score_threshold": 0.5},
    "a threshold of nothing": {"prediction_column": None, "score_threshold": 0.5},
    "empty word": {"positive_label": ""},
    "no words": {"positive_label": []},
    "nested words": {"positive_label": [["a"]]},
    "many words": {"positive_label": list(range(11))},
    "no band": {"bands": []},
    "line break": {"prediction_column": "appro\nved"},
}


@pytest.mark.parametrize("changes", MISFITS.values(), ids=MISFITS)
def test_a_test_that_does_not_fit_is_refused_before_the_engine_is_asked(bench: Bench, changes: dict[str, Any]) -> None:
    answer = bench.detect(**changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "misfit")
    assert answer.json()["errors"]
    assert [asked.path for asked in bench.evidence.asked] == ["/v1/tables"]


def test_a_refusal_names_what_is_known(bench: Bench) -> None:
    unknown = bench.detect(metrics=["parity"]).json()["errors"][0]
    assert all(name in unknown["problem"] for name in METRIC_NAMES)
    column = bench.detect(protected_attribute="sez").json()["errors"][0]
    assert column["location"] == "body.protected_attribute"
    assert column["expected"] == "one of sex, or another of its 3 columns"


@pytest.mark.parametrize("changes", [{"model_id": "others"}, {"dataset_id": "x"}, {"dataset_id": "0" * 36}])
def test_what_the_organisation_does_not_have_is_not_found(bench: Bench, changes: dict[str, Any]) -> None:
    answer = bench.detect(**changes)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_only_analysts_test(bench: Bench) -> None:
    body = {"model_id": "loans", "dataset_id": "x", "protected_attribute": "sex", "prediction_column": "approved"}
    assert bench.viewer.post(f"{API}/detect", json=body).status_code == 403
    assert ask(bench.product.address, None, "POST", f"{API}/detect", body).status_code == 401


def test_a_file_that_is_gone_is_told(bench: Bench) -> None:
    dataset = bench.dataset()
    (bench.product.parts.settings.state / "datasets" / bench.organisation.id / dataset).unlink()
    answer = bench.detect()
    assert (answer.status_code, answer.json()["code"]) == (409, "file_gone")


@pytest.mark.parametrize("lacking", ["gate", "comparison", "groups", "record", "attribute", "other value"])
def test_an_answer_to_something_else_is_kept_nowhere(bench: Bench, lacking: str) -> None:
    def odd(asked: Asked) -> dict[str, Any]:
        found = bench.evidence.audit_of(asked)
        if lacking == "gate":
            found["gates"]["gates"].pop("fairness.*.accuracy_difference<=0.2")
        elif lacking == "comparison":
            found["fairness"]["sex"].pop("accuracy_difference")
        elif lacking == "groups":
            found["fairness"]["sex"]["groups"] = [1]
        elif lacking == "record":
            found["record"] = None
        elif lacking == "attribute":
            found["fairness"] = {}
        else:
            found["fairness"]["sex"]["accuracy_difference"]["value"] = 0.06
        return found

    bench.evidence.audits = odd
    answer = bench.detect()
    assert (answer.status_code, answer.json()["code"]) == (503, "evidence_service_broken")
    assert bench.viewer.get(f"{API}/history").json()["items"] == []


def test_the_groups_as_csv_hold_no_formula(bench: Bench) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "plain, with comma", 'with "quotes"']
    bench.evidence.groups = {"b": group(400, 0.45), **{name: group(500, 0.5) for name in names}}
    test = bench.detect(metrics=["demographic_parity"]).json()
    assert set(names) < set(test["results"]["demographic_parity"]["group_scores"])
    answer = bench.viewer.get(f"{API}/test/{test['test_id']}/groups.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    lines = answer.text.split("\r\n")
    assert lines[0].startswith('"metric","verdict","group"')
    cells = [json.loads(f"[{line.replace(chr(9), ' ')}]") for line in lines[1:] if '""' not in line and line]
    assert not any(str(cell).lstrip().startswith(("=", "+", "-", "@")) for line in cells for cell in line)
    for name in names[:6]:
        assert f'"\'{name}"' in answer.text
    assert '"plain, with comma",' in answer.text
    assert '"with ""quotes""",' in answer.text
