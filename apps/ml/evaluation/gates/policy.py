"""Policy: what decisions must not depend on, judged by what the evidence says about the model.

Treating people differently because of a sensitive attribute is unlawful in many places, for credit and employment in
the United States among them (15 U.S.C. 1691(a), 42 U.S.C. 2000e-2); for a decision that is drawn by lot nobody can be
given the reasons. Each rule is on unless params.yaml lifts it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from apps.ml.evaluation.gates.judging import Verdict
from apps.ml.parameters import Policy


@dataclass(frozen=True)
class PolicyResult:
    """What one rule says, with its reason in words."""

    name: str
    verdict: Verdict
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: verdict and reason."""
        return {key: value for key, value in asdict(self).items() if key != "name"}


def judge_policy(rules: Policy, policy: Mapping[str, Any] | None) -> tuple[PolicyResult, ...]:
    """Judge what the evidence says about the decision rule, one result per rule that is on.

    Parameters
    ----------
    rules : Policy
    policy : mapping or None
        The evidence's section `policy`; None where nothing is known about the rule, as for decisions alone. Then, and
        where a fact is missing, the verdict is INCONCLUSIVE.
    """
    facts = policy or {}
    results = []
    if rules.forbid_sensitive_at_prediction:
        needs = facts.get("needs_sensitive_at_prediction")
        results.append(_result("sensitive attribute at prediction", needs, "deciding needs the sensitive attribute"))
    if rules.forbid_sensitive_inputs:
        results.append(_sensitive_inputs(facts))
    if rules.forbid_chance:
        results.append(_result("chance", facts.get("randomised"), "decisions are left to chance"))
    return tuple(results)


def _sensitive_inputs(facts: Mapping[str, Any]) -> PolicyResult:
    name, columns = "sensitive inputs", facts.get("sensitive_inputs")
    if columns:
        named = ", ".join(f"'{column}'" for column in columns)
        return PolicyResult(name, "FAIL", f"sensitive columns are inputs of the model: {named}")
    known = facts.get("uses_sensitive") if columns is not None else None
    return _result(name, known, "the model uses sensitive columns")


def _result(name: str, holds: bool | None, what: str) -> PolicyResult:
    if holds is None:
        return PolicyResult(name, "INCONCLUSIVE", f"the evidence does not say whether {what}")
    return PolicyResult(name, "FAIL" if holds else "PASS", what if holds else f"it is not so that {what}")
