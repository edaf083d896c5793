"""What gates, guards and policy decided, by name, as reports/metrics/registration.json shows it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.ml.evaluation.gates.judging import GateReport, GateResult, together, worst
from apps.ml.evaluation.gates.policy import PolicyResult
from apps.ml.parameters import ModelRegistration

SEVERITY = ("FAIL", "INCONCLUSIVE", "PASS")
LEVELLING_DOWN = "levelling down"
AT_PROMOTION = "judged at promotion, against the champion on the same rows"
SHOWN = (
    "verdict",
    "reason",
    "value",
    "lower",
    "upper",
    "n",
    "confidence",
    "rows_to_decide",
    "p_value",
    "adjusted_p_value",
    "family",
)


@dataclass(frozen=True)
class Judgement:
    """Everything that was judged about a model by itself: gates, guards, policy.

    `not_applicable`: gate or guard → why it cannot be asked of a model of this task.
    """

    gates: GateReport
    guards: tuple[GateResult, ...] = ()
    policy: tuple[PolicyResult, ...] = ()
    not_applicable: Mapping[str, str] = field(default_factory=dict)


def summary(report: GateReport) -> dict[str, Any]:
    """Return the verdict, its reason, counts of gates by verdict, and each gate by name."""
    gates = by_name(report.results)
    verdicts = [gate["verdict"] for gate in gates.values()]
    return {
        "verdict": report.verdict,
        "reason": report.reason,
        "passed": verdicts.count("PASS"),
        "failed": verdicts.count("FAIL"),
        "inconclusive": verdicts.count("INCONCLUSIVE"),
        "gates": gates,
    }


def registration_summary(judgement: Judgement, rules: ModelRegistration) -> dict[str, Any]:
    """Return :func:`summary` with `guards`, `policy` and `at_promotion`: what is judged against the champion.

    `not_applicable` names what is not asked of a model of this task, where there is such a thing. The verdict is over
    gates, guards and policy together; `passed`, `failed` and `inconclusive` count gates.
    """
    own = summary(judgement.gates)
    reasons = [f"gates: {judgement.gates.reason}"]
    verdicts = [judgement.gates.verdict]
    if judgement.guards:
        verdict, reason = together(judgement.guards)
        verdicts.append(verdict)
        reasons.append(f"guards: {reason}")
    if judgement.policy:
        verdicts += [result.verdict for result in judgement.policy]
        broken = [result.name for result in judgement.policy if result.verdict != "PASS"]
        reasons.append(f"policy: {'kept' if not broken else 'not kept: ' + ', '.join(broken)}")
    own |= {"verdict": worst(verdicts), "reason": "; ".join(reasons)}
    return own | {
        "guards": by_name(judgement.guards),
        "policy": {result.name: result.to_dict() for result in judgement.policy},
        "at_promotion": _at_promotion(rules, judgement.not_applicable),
        **({"not_applicable": dict(judgement.not_applicable)} if judgement.not_applicable else {}),
    }


def by_name(results: Sequence[GateResult]) -> dict[str, Any]:
    """Return name → verdict, reason, limit and measurements of one gate or guard, in the order given."""
    names = dict.fromkeys(result.name for result in results)
    return {name: _gate([result for result in results if result.name == name]) for name in names}


def _at_promotion(rules: ModelRegistration, not_applicable: Mapping[str, str]) -> dict[str, Any]:
    gates: dict[str, Mapping[str, Any]] = {
        gate.name: {
            "metric": gate.metric,
            "direction": "at_least" if gate.at_least is not None else "at_most",
            "limit": gate.at_least if gate.at_least is not None else gate.at_most,
            "reason": AT_PROMOTION,
        }
        for gate in rules.champion_gates
        if gate.name not in not_applicable
    }
    guard = {LEVELLING_DOWN: {"tolerance": rules.guards.levelling_down.tolerance, "reason": AT_PROMOTION}}
    asked = rules.guards.levelling_down.enabled and LEVELLING_DOWN not in not_applicable
    return {"gates": gates, "guards": guard if asked else {}}


def _gate(results: Sequence[GateResult]) -> dict[str, Any]:
    """One gate that was applied to one or (by `*`) several measurements: the worst decides."""
    decisive = min(results, key=lambda result: (SEVERITY.index(result.verdict), _room(result)))
    where = f"{decisive.metric}: " if len(results) > 1 else ""
    return {
        "verdict": decisive.verdict,
        "reason": f"{where}{decisive.reason}",
        "direction": decisive.direction,
        "limit": decisive.limit,
        "measurements": {result.metric: _measurement(result) for result in results},
    }


def _room(result: GateResult) -> float:
    """How far the measurement's worse end is from the limit, on the good side; an undefined one has none."""
    if result.direction == "at_least":
        end = result.lower if result.lower is not None else result.value
        return -math.inf if end is None else end - result.limit
    end = result.upper if result.upper is not None else result.value
    return -math.inf if end is None else result.limit - end


def _measurement(result: GateResult) -> dict[str, Any]:
    return {key: getattr(result, key) for key in SHOWN if getattr(result, key) is not None}
