from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.errors import ParameterError
from apps.ml.evaluation.gates.judging import GateResult, judge, verdict_exit_code
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.parameters import Gate


def measured(value: float, lower: float, upper: float, n: int = 100) -> dict[str, Any]:
    return Measurement(value, n, lower, upper, 0.95, "some method").to_dict()


def metrics() -> dict[str, dict[str, Any]]:
    return {
        "data_quality": {"findings": 0, "rows": 500},
        "performance": {
            "rows": 100,
            "positive_name": "repaid",
            "roc_auc": measured(0.80, 0.76, 0.84),
            "precision": undefined("no row is predicted positive").to_dict(),
        },
        "fairness": {
            "sex": {
                "equal_opportunity_difference": measured(0.04, 0.0, 0.09),
                "groups": {
                    "f": {"n": 60, "judged": True, "accuracy": measured(0.8, 0.7, 0.9)},
                    "x": {"n": 2, "judged": False, "accuracy": measured(0.5, 0.1, 0.9)},
                },
            },
            "race": {"equal_opportunity_difference": measured(0.30, 0.20, 0.41), "groups": {}},
        },
    }


def one(metric: str, **limit: Any) -> GateResult:
    (result,) = judge([Gate(name="gate", metric=metric, **limit)], metrics()).results
    return result


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        ({"at_least": 0.75}, "PASS"),
        ({"at_least": 0.76}, "PASS"),
        ({"at_least": 0.77}, "INCONCLUSIVE"),
        ({"at_least": 0.82}, "INCONCLUSIVE"),
        ({"at_least": 0.84}, "INCONCLUSIVE"),
        ({"at_least": 0.85}, "FAIL"),
        ({"at_most": 0.85}, "PASS"),
        ({"at_most": 0.84}, "PASS"),
        ({"at_most": 0.80}, "INCONCLUSIVE"),
        ({"at_most": 0.76}, "INCONCLUSIVE"),
        ({"at_most": 0.75}, "FAIL"),
    ],
)
def test_the_whole_interval_decides(limit: dict[str, float], verdict: str) -> None:
    assert one("performance.roc_auc", **limit).verdict == verdict


def test_every_verdict_has_its_reason_in_words() -> None:
    assert one("performance.roc_auc", at_least=0.75).reason == (
        "the 95% interval 0.76 to 0.84 is entirely at least 0.75"
    )
    assert one("performance.roc_auc", at_least=0.85).reason == (
        "no part of the 95% interval 0.76 to 0.84 is at least 0.85"
    )
    assert one("performance.roc_auc", at_least=0.78).reason == (
        "the 95% interval 0.76 to 0.84 holds the limit 0.78; about 400 rows would decide if the estimate stayed at 0.8"
    )


def test_an_inconclusive_gate_says_how_many_rows_would_decide() -> None:
    # The bound is .04 away, the limit .02: four times the 100 rows.
    assert one("performance.roc_auc", at_least=0.78).rows_to_decide == 400
    assert one("performance.roc_auc", at_least=0.82).rows_to_decide == 400
    assert one("performance.roc_auc", at_least=0.80).rows_to_decide is None
    assert one("performance.roc_auc", at_least=0.70).rows_to_decide is None


def test_a_plain_number_is_compared_directly() -> None:
    assert one("data_quality.findings", at_most=0).verdict == "PASS"
    assert one("data_quality.findings", at_most=0).reason == "0 is at most 0; it has no interval"
    assert one("data_quality.rows", at_least=501).verdict == "FAIL"


def test_undefined_is_never_passed() -> None:
    for limit in ({"at_least": 0.0}, {"at_most": 1.0}):
        result = one("performance.precision", **limit)
        assert result.verdict == "INCONCLUSIVE"
        assert result.reason == "undefined: no row is predicted positive"
        assert result.value is None


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_never_passed_and_never_reported(number: float) -> None:
    content = {"performance": {"score": number, "gap": {"value": 0.1, "n": 5, "lower": number, "upper": number}}}
    for metric in ("performance.score", "performance.gap"):
        for limit in ({"at_least": -1e9}, {"at_most": 1e9}):
            (result,) = judge([Gate(name="gate", metric=metric, **limit)], content).results
            assert result.verdict == "INCONCLUSIVE"
            assert result.lower is None
            assert result.upper is None


def test_one_bound_is_enough_for_the_verdict_it_supports() -> None:
    content = {"performance": {"gap": {"value": 0.1, "n": 5, "upper": 0.2}}}
    verdicts = [
        judge([Gate(name="gate", metric="performance.gap", **limit)], content).verdict
        for limit in ({"at_most": 0.2}, {"at_most": 0.15}, {"at_least": 0.3}, {"at_least": 0.05})
    ]
    assert verdicts == ["PASS", "INCONCLUSIVE", "FAIL", "INCONCLUSIVE"]


def test_a_star_stands_for_every_attribute() -> None:
    report = judge([Gate(name="gap", metric="fairness.*.equal_opportunity_difference", at_most=0.15)], metrics())
    assert [(result.metric, result.verdict) for result in report.results] == [
        ("fairness.sex.equal_opportunity_difference", "PASS"),
        ("fairness.race.equal_opportunity_difference", "FAIL"),
    ]
    assert {result.name for result in report.results} == {"gap"}
    assert report.verdict == "FAIL"


def test_a_star_stands_for_judged_groups_alone() -> None:
    report = judge([Gate(name="each", metric="fairness.sex.groups.*.accuracy", at_least=0.6)], metrics())
    assert [result.metric for result in report.results] == ["fairness.sex.groups.f.accuracy"]


def test_a_named_group_that_is_not_judged_is_never_passed() -> None:
    result = one("fairness.sex.groups.x.accuracy", at_least=0.0)
    assert (result.verdict, result.reason) == ("INCONCLUSIVE", "undefined: the group is not judged")


def test_a_path_leads_to_nested_parts() -> None:
    content = metrics()
    content["fairness"]["sex"]["individual"] = {"consistency": measured(0.9, 0.88, 0.92)}
    content["fairness"]["race"]["individual"] = {"theil_index": measured(0.1, 0.05, 0.15)}
    gate = Gate(name="consistent", metric="fairness.*.individual.consistency", at_least=0.8)
    assert [(result.metric, result.verdict) for result in judge([gate], content).results] == [
        ("fairness.sex.individual.consistency", "PASS"),
        ("fairness.race.individual.consistency", "INCONCLUSIVE"),
    ]


def test_what_one_attribute_has_and_another_lacks_is_named_as_not_measured() -> None:
    content = metrics()
    content["fairness"]["sex"]["abroca"] = measured(0.01, 0.0, 0.02)
    gate = Gate(name="areas", metric="fairness.*.abroca", at_most=0.1)
    results = {result.metric: result for result in judge([gate], content).results}
    assert results["fairness.sex.abroca"].verdict == "PASS"
    assert results["fairness.race.abroca"].reason == "undefined: it was not measured here, though it was elsewhere"


def test_a_scope_limits_the_star_to_its_attributes() -> None:
    gate = Gate(name="gap", metric="fairness.*.equal_opportunity_difference", scope=("sex",), at_most=0.15)
    report = judge([gate], metrics())
    assert [result.metric for result in report.results] == ["fairness.sex.equal_opportunity_difference"]
    assert report.verdict == "PASS"


def test_an_unknown_attribute_in_a_scope_is_refused_with_the_nearest_name() -> None:
    gate = Gate(name="gap", metric="fairness.*.equal_opportunity_difference", scope=("rase",), at_most=0.15)
    with pytest.raises(ParameterError, match="its scope has the attribute 'rase'; did you mean 'race'"):
        judge([gate], metrics())


def test_too_few_rows_are_inconclusive_and_never_passed() -> None:
    assert one("performance.roc_auc", at_least=0.5, minimum_rows=100).verdict == "PASS"
    result = one("performance.roc_auc", at_least=0.5, minimum_rows=1000)
    assert (result.verdict, result.n) == ("INCONCLUSIVE", 100)
    assert result.reason == "it rests on 100 rows, fewer than the 1,000 that the gate asks for"
    assert one("data_quality.findings", at_most=0, minimum_rows=1).verdict == "INCONCLUSIVE"


def test_a_wider_interval_does_for_less_confidence_but_not_for_more() -> None:
    assert one("performance.roc_auc", at_least=0.75, confidence=0.9).verdict == "PASS"
    result = one("performance.roc_auc", at_least=0.75, confidence=0.99)
    assert result.verdict == "INCONCLUSIVE"
    assert result.reason == (
        "it was measured at 95% confidence and the gate asks for 99%. Set model_evaluation.confidence to 0.99 or more "
        "and run `dvc repro`, or ask for less"
    )
    assert one("performance.roc_auc", at_least=0.75, confidence=0.9).confidence == 0.95


def test_a_measurement_without_an_interval_has_no_confidence_to_offer() -> None:
    content = {"performance": {"loss": {"value": 0.4, "n": 50}}}
    gate = Gate(name="loss", metric="performance.loss", at_most=0.5, confidence=0.9)
    assert judge([gate], content).verdict == "INCONCLUSIVE"
    assert judge([gate.model_copy(update={"confidence": None})], content).verdict == "PASS"


def test_a_gate_against_the_champion_is_not_judged_by_one_model_alone() -> None:
    gate = Gate(name="champion", metric="performance.roc_auc", at_least=-0.01, reference="champion")
    assert judge([gate], metrics()).results == ()
    assert judge([gate], metrics()).verdict == "INCONCLUSIVE"


def test_a_star_that_stands_for_nothing_is_inconclusive() -> None:
    result = one("fairness.race.groups.*.accuracy", at_least=0.6)
    assert (result.verdict, result.metric) == ("INCONCLUSIVE", "fairness.race.groups.*.accuracy")
    assert result.reason == "the path leads to no judged measurement"


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("performance.roc_auk", "'performance' has no 'roc_auk'; did you mean 'roc_auc'"),
        ("fairness.*.equal_oportunity_difference", "did you mean 'equal_opportunity_difference'"),
        ("fairness.colour.equal_opportunity_difference", "'fairness' has no 'colour'; valid: sex, race"),
        ("performance.roc_auc.value", "'performance.roc_auc' has no parts"),
        ("performance.rows.more", "'performance.rows' has no parts"),
        ("performance.positive_name", "'performance.positive_name' is not a measurement"),
        ("fairness.sex", "'fairness.sex' is not a measurement; it holds: equal_opportunity_difference, groups"),
        ("explainability.fidelity", "the measurements have no 'explainability'"),
    ],
)
def test_a_path_that_leads_nowhere_names_the_gate_and_the_nearest_key(metric: str, message: str) -> None:
    with pytest.raises(ParameterError, match=r"the gate 'gate' names .*Mend the path in params\.yaml") as caught:
        one(metric, at_least=0.0)
    assert message in str(caught.value)


def test_all_gates_together_fail_before_they_are_inconclusive_before_they_pass() -> None:
    passing = Gate(name="passing", metric="performance.roc_auc", at_least=0.7)
    open_one = Gate(name="open", metric="performance.roc_auc", at_least=0.8)
    failing = Gate(name="failing", metric="performance.roc_auc", at_least=0.9)
    assert judge([passing], metrics()).verdict == "PASS"
    assert judge([passing, open_one], metrics()).verdict == "INCONCLUSIVE"
    report = judge([passing, open_one, failing], metrics())
    assert report.verdict == "FAIL"
    assert report.reason == "1 passed, 1 failed, 1 inconclusive"


def test_without_a_gate_nothing_is_passed() -> None:
    report = judge([], metrics())
    assert (report.verdict, report.reason, report.results) == ("INCONCLUSIVE", "no gate was declared", ())


def test_a_verdict_has_its_exit_code() -> None:
    assert [verdict_exit_code(verdict) for verdict in ("PASS", "FAIL", "INCONCLUSIVE")] == [0, 1, 3]


def test_the_report_is_ready_for_json() -> None:
    content = judge([Gate(name="gate", metric="performance.roc_auc", at_least=0.75)], metrics()).to_dict()
    assert content == {
        "verdict": "PASS",
        "reason": "1 passed, 0 failed, 0 inconclusive",
        "results": [
            {
                "name": "gate",
                "metric": "performance.roc_auc",
                "verdict": "PASS",
                "reason": "the 95% interval 0.76 to 0.84 is entirely at least 0.75",
                "value": 0.8,
                "lower": 0.76,
                "upper": 0.84,
                "limit": 0.75,
                "direction": "at_least",
                "rows_to_decide": None,
                "n": 100,
                "confidence": 0.95,
                "p_value": None,
                "adjusted_p_value": None,
                "family": None,
            }
        ],
    }


BOUNDS = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted)


@settings(max_examples=50, deadline=None)
@given(BOUNDS, st.floats(0, 1))
def test_a_wider_interval_never_turns_an_open_verdict_into_a_decided_one(bounds: list[float], limit: float) -> None:
    lower, value, upper = bounds
    for direction in ("at_least", "at_most"):
        gate = Gate(name="gate", metric="performance.gap", **{direction: limit})
        narrow = judge([gate], {"performance": {"gap": measured(value, lower, upper)}}).verdict
        wide = judge([gate], {"performance": {"gap": measured(value, lower - 0.1, upper + 0.1)}}).verdict
        assert wide in (narrow, "INCONCLUSIVE")
