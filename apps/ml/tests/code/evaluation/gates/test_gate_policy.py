from typing import Any

import pytest

from apps.ml.evaluation.gates.policy import judge_policy
from apps.ml.parameters import Policy

CLEAN: dict[str, Any] = {
    "uses_sensitive": False,
    "sensitive_inputs": [],
    "needs_sensitive_at_prediction": False,
    "randomised": False,
}


def verdicts(policy: dict[str, Any] | None, rules: Policy | None = None) -> dict[str, str]:
    return {result.name: result.verdict for result in judge_policy(rules or Policy(), policy)}


def test_a_model_that_needs_nothing_forbidden_keeps_the_policy() -> None:
    assert verdicts(CLEAN) == {
        "sensitive attribute at prediction": "PASS",
        "sensitive inputs": "PASS",
        "chance": "PASS",
    }


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"needs_sensitive_at_prediction": True}, "sensitive attribute at prediction"),
        ({"sensitive_inputs": ["sex", "age"]}, "sensitive inputs"),
        ({"uses_sensitive": True}, "sensitive inputs"),
        ({"randomised": True}, "chance"),
    ],
)
def test_each_rule_is_broken_by_its_fact_alone(change: dict[str, Any], broken: str) -> None:
    found = verdicts(CLEAN | change)
    assert [name for name, verdict in found.items() if verdict == "FAIL"] == [broken]


def test_sensitive_inputs_are_named() -> None:
    results = {result.name: result for result in judge_policy(Policy(), CLEAN | {"sensitive_inputs": ["sex", "age"]})}
    assert results["sensitive inputs"].reason == "sensitive columns are inputs of the model: 'sex', 'age'"


def test_what_is_not_known_is_never_passed() -> None:
    assert set(verdicts(None).values()) == {"INCONCLUSIVE"}
    for name in CLEAN:
        partial = {key: value for key, value in CLEAN.items() if key != name}
        assert "INCONCLUSIVE" in verdicts(partial).values()


def test_a_rule_that_is_lifted_is_not_judged() -> None:
    rules = Policy(forbid_sensitive_at_prediction=False, forbid_sensitive_inputs=False)
    assert verdicts(CLEAN | {"uses_sensitive": True}, rules) == {"chance": "PASS"}


def test_a_result_is_ready_for_json() -> None:
    (result,) = judge_policy(Policy(forbid_sensitive_at_prediction=False, forbid_sensitive_inputs=False), CLEAN)
    assert result.to_dict() == {"verdict": "PASS", "reason": "it is not so that decisions are left to chance"}
