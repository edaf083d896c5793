"""The summary of a gate over several measurements names the one that decides."""

from typing import Any

import pytest

from apps.ml.evaluation.gates.judging import GateReport, GateResult, Verdict, judge
from apps.ml.evaluation.gates.policy import PolicyResult
from apps.ml.evaluation.gates.summary import Judgement, registration_summary, summary
from apps.ml.parameters import Gate, Guards, LevellingDown, ModelRegistration


def ratio(value: float | None, lower: float = 0.0) -> dict[str, Any]:
    if value is None:
        return {"value": None, "n": 0, "undefined": "nobody was selected"}
    return {"value": value, "lower": lower, "upper": 1.0, "n": 100, "confidence": 0.95}


def four_fifths(**by_attribute: dict[str, Any]) -> dict[str, Any]:
    gate = Gate(name="four fifths", metric="fairness.*.demographic_parity_ratio", at_least=0.8)
    metrics = {"fairness": {name: {"demographic_parity_ratio": entry} for name, entry in by_attribute.items()}}
    return summary(judge([gate], metrics))


def test_among_passing_measurements_the_one_nearest_the_limit_is_named() -> None:
    content = four_fifths(gender=ratio(0.97, 0.93), origin=ratio(0.9, 0.82))
    assert content["verdict"] == "PASS"
    assert content["gates"]["four fifths"]["reason"].startswith("fairness.origin.demographic_parity_ratio")
    assert (content["passed"], content["failed"], content["inconclusive"]) == (1, 0, 0)


def test_the_worst_verdict_decides_and_undefined_never_passes() -> None:
    content = four_fifths(gender=ratio(0.97, 0.93), origin=ratio(None))
    assert content["gates"]["four fifths"]["verdict"] == "INCONCLUSIVE"
    assert "fairness.origin" in content["gates"]["four fifths"]["reason"]
    assert set(content["gates"]["four fifths"]["measurements"]) == {
        "fairness.gender.demographic_parity_ratio",
        "fairness.origin.demographic_parity_ratio",
    }


def registration(gate: Verdict, guard: Verdict, rule: Verdict) -> dict[str, Any]:
    gates = (GateResult("ranking", "performance.roc_auc", gate, "…", 0.8, 0.7, 0.9, 0.75, "at_least"),)
    guards = (
        GateResult("constant predictor", "performance.balanced_accuracy", guard, "…", 0.8, 0.7, 0.9, 0.5, "at_least"),
    )
    judgement = Judgement(GateReport(gate, "1 judged", gates), guards, (PolicyResult("chance", rule, "…"),))
    return registration_summary(judgement, ModelRegistration())


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        (("PASS", "PASS", "PASS"), "PASS"),
        (("PASS", "FAIL", "PASS"), "FAIL"),
        (("PASS", "PASS", "FAIL"), "FAIL"),
        (("PASS", "INCONCLUSIVE", "PASS"), "INCONCLUSIVE"),
        (("INCONCLUSIVE", "PASS", "FAIL"), "FAIL"),
    ],
)
def test_gates_guards_and_policy_make_one_verdict(
    verdicts: tuple[Verdict, Verdict, Verdict], together: Verdict
) -> None:
    content = registration(*verdicts)
    assert content["verdict"] == together
    assert content["passed"] + content["failed"] + content["inconclusive"] == 1


def test_without_gates_passing_guards_pass_nothing() -> None:
    guards = (
        GateResult("constant predictor", "performance.balanced_accuracy", "PASS", "…", 0.8, 0.7, 0.9, 0.5, "at_least"),
    )
    content = registration_summary(Judgement(judge([], {}), guards), ModelRegistration())
    assert content["verdict"] == "INCONCLUSIVE"


def test_a_guard_that_is_off_is_not_listed_for_promotion() -> None:
    off = ModelRegistration(guards=Guards(levelling_down=LevellingDown(enabled=False)))
    judgement = Judgement(judge([], {}))
    assert registration_summary(judgement, off)["at_promotion"] == {"gates": {}, "guards": {}}
    assert list(registration_summary(judgement, ModelRegistration())["at_promotion"]["guards"]) == ["levelling down"]
