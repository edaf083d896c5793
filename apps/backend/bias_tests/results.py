"""From an audit's answer to a bias test: every number is the engine's, only their arrangement and words are ours."""

from collections import Counter
from typing import Any

from apps.backend.bias_tests import wording
from apps.backend.bias_tests.answers import (
    BiasTest,
    BiasTestSummary,
    GroupScore,
    Guard,
    Interval,
    MetricResult,
    MetricVerdict,
    Risk,
    Verdict,
)
from apps.backend.bias_tests.bodies import Detection
from apps.backend.bias_tests.findings import IMPACT_RATIO, Finding, Findings, Group
from apps.backend.bias_tests.metrics import METRICS, Metric, MetricName, limit_of
from apps.backend.upstreams.audits import AuditAnswer, Judged, Measurement

PASSED: dict[MetricVerdict, bool] = {"PASS": True, "FAIL": False}
RISKS: tuple[Risk, ...] = ("low", "medium", "high", "critical")
ONE_DECISION = "one decision for all"


def bias_test_of(answer: AuditAnswer, body: Detection, known: dict[str, Any]) -> BiasTest:
    """Return the test that an audit answers.

    Parameters
    ----------
    known
        The fields of the test that no audit says: its id, whose it is, which data set.

    Raises
    ------
    ProblemError
        503 the answer is not about what was asked.
    """
    findings = Findings(answer, body)
    results = {name: _result(name, body, findings) for name in body.asked}
    guards = _guards(findings, body)
    verdicts = Counter(result.verdict for result in results.values())
    remark = wording.not_judged(findings)
    summary = BiasTestSummary(
        **known,
        model_id=body.model_id,
        protected_attribute=body.protected_attribute,
        fairness_threshold=body.fairness_threshold,
        rows=answer.rows,
        verdict=_verdict(results, guards),
        overall_risk=_risk(results, guards),
        metrics_passed=verdicts["PASS"],
        metrics_failed=verdicts["FAIL"],
        metrics_inconclusive=verdicts["INCONCLUSIVE"],
        metrics_undefined=verdicts["UNDEFINED"],
        summary="",
        evidence=answer.evidence,
    )
    return BiasTest(
        **{**summary.model_dump(), "summary": wording.summary(summary)},
        results=results,
        guards=guards,
        recommendations=list(dict.fromkeys(text for result in results.values() for text in result.recommendations)),
        notes=[*answer.notes, *([] if remark is None else [remark])],
    )


def _result(name: MetricName, body: Detection, findings: Findings) -> MetricResult:
    metric = METRICS[name]
    need = body.lacks(name)
    plain = (
        _undefined(metric, body, findings, wording.NEEDS[need])
        if need is not None
        else _found(metric, body, findings, findings.of(name))
    )
    return plain.model_copy(
        update={
            "interpretation": wording.interpretation(plain, findings),
            "recommendations": wording.recommendations(name, plain, findings),
        }
    )


def _found(metric: Metric, body: Detection, findings: Findings, finding: Finding) -> MetricResult:
    """Return what was measured, without words."""
    measured, judged = finding.measured, finding.judged
    if measured.value is None or judged is None:
        return _undefined(metric, body, findings, measured.undefined or "the engine names no reason")
    rate = measured.rate if measured.rate in metric.rates else metric.rates[0]
    return MetricResult(
        score=measured.value,
        passed=PASSED.get(finding.gate.verdict),
        verdict=finding.gate.verdict,
        disparity=finding.difference.value,
        interval=(judged.lower, judged.upper),
        simultaneous_interval=(measured.simultaneous_lower, measured.simultaneous_upper),
        group_scores=_scores(findings, rate),
        interpretation="",
        recommendations=[],
        measurement=metric.measurement,
        direction=metric.direction,
        limit=limit_of(metric, body.fairness_threshold),
        reason=finding.gate.reason,
        rate=rate,
        lowest=measured.lowest,
        highest=measured.highest,
        n=measured.n,
        **_inference(judged),
    )


def _inference(judged: Judged) -> dict[str, Any]:
    return judged.model_dump(include={"confidence", "p_value", "adjusted_p_value", "family", "rows_to_decide"})


def _undefined(metric: Metric, body: Detection, findings: Findings, reason: str) -> MetricResult:
    """Return a metric without a number, with the rates of the groups as far as there are any."""
    groups = [group for group in findings.groups.values() if group.judged]
    rate = next((name for name in metric.rates if any(_is_without(group, name) for group in groups)), metric.rates[0])
    return MetricResult(
        score=None,
        passed=None,
        verdict="UNDEFINED",
        disparity=None,
        interval=None,
        simultaneous_interval=None,
        group_scores=_scores(findings, rate),
        interpretation="",
        recommendations=[],
        measurement=metric.measurement,
        direction=metric.direction,
        limit=limit_of(metric, body.fairness_threshold),
        reason=reason,
        rate=rate,
    )


def _is_without(group: Group, rate: str) -> bool:
    found = group.rate(rate)
    return found is None or found.value is None


def _scores(findings: Findings, rate: str) -> dict[str, GroupScore]:
    return {name: _score(group, group.rate(rate), rate) for name, group in findings.groups.items()}


def _score(group: Group, measured: Measurement | None, rate: str) -> GroupScore:
    if measured is None:
        return GroupScore(value=None, interval=None, n=group.n, judged=group.judged, why="it was not measured")
    own = rate == IMPACT_RATIO or measured.n is None
    interval: Interval | None = None if measured.value is None else (measured.lower, measured.upper)
    return GroupScore(
        value=measured.value,
        interval=interval,
        # An impact ratio rests on the rows of all judged groups; the group's own are what can be added to.
        n=group.n if own else measured.n or 0,
        judged=group.judged,
        why=group.why_not or measured.undefined,
    )


def _guards(findings: Findings, body: Detection) -> dict[str, Guard]:
    """Return the engine's guards; without labels it has none against decisions that are all alike."""
    gates = findings.answer.gates
    found = {} if gates is None else gates.guards
    guards = {name: Guard(verdict=guard.verdict, reason=guard.reason) for name, guard in found.items()}
    if body.ground_truth_column is None and findings.is_one_decision():
        reason = "everybody is decided alike: every such rule has perfect parity, whatever it is worth"
        guards[ONE_DECISION] = Guard(verdict="INCONCLUSIVE", reason=reason)
    return guards


def _verdict(results: dict[MetricName, MetricResult], guards: dict[str, Guard]) -> Verdict:
    """FAIL if one is; else INCONCLUSIVE if one is, is undefined, or nothing was asked; else PASS."""
    verdicts = {result.verdict for result in results.values()} | {guard.verdict for guard in guards.values()}
    if "FAIL" in verdicts:
        return "FAIL"
    return "PASS" if results and verdicts == {"PASS"} else "INCONCLUSIVE"


def _risk(results: dict[MetricName, MetricResult], guards: dict[str, Guard]) -> Risk:
    """Count the limits that are broken, one that two metrics ask for once; without any, all must hold for low."""
    broken = {result.measurement for result in results.values() if result.verdict == "FAIL"}
    broken |= {name for name, guard in guards.items() if guard.verdict == "FAIL"}
    if not broken and _verdict(results, guards) != "PASS":
        return "undetermined"
    return RISKS[min(len(broken), len(RISKS) - 1)]
