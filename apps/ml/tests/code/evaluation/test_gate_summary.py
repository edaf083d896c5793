"""The summary of a gate over several measurements names the one that decides."""

from typing import Any

from apps.ml.evaluation.gate_summary import summary
from apps.ml.evaluation.gates import judge
from apps.ml.parameters import Gate


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
