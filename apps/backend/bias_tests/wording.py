"""What numbers mean, in plain words, and what somebody can do next. Everything is read from the engine's numbers."""

from collections.abc import Sequence

from apps.backend.bias_tests.answers import BiasTestSummary, GroupScore, MetricResult
from apps.backend.bias_tests.findings import BASE_RATES, IMPACT_RATIO, Findings
from apps.backend.bias_tests.metrics import Direction, MetricName, Need

LONGEST_GROUP = 60
MOST_GROUPS = 5
FOUR_FIFTHS = 0.8

SHARES = {
    "favourable_rate": ("", "are decided favourably"),
    "true_positive_rate": ("Of the positives, ", "are predicted positive"),
    "false_positive_rate": ("Of the negatives, ", "are predicted positive"),
    "positive_predictive_value": ("Of those predicted positive, ", "are positive"),
    "negative_predictive_value": ("Of those predicted negative, ", "are negative"),
    "accuracy": ("", "are decided as the truth says"),
}
"""Rate → of whom it is a share, and of what: how a sentence about it begins and ends."""

NEEDS: dict[Need, str] = {
    "labels": "it needs what truly happened: name `ground_truth_column`",
    "scores": "it needs probabilities of the positive event: name `score_column`",
}
"""Why a metric cannot be measured, and the act that repairs it."""

RATES_OF_ERRORS: frozenset[MetricName] = frozenset(
    (
        "equal_opportunity",
        "equalized_odds",
        "false_positive_rate_parity",
        "predictive_parity",
        "negative_predictive_parity",
    )
)
"""Metrics of which not all can be kept at once where base rates differ (Chouldechova 2017)."""


def interpretation(result: MetricResult, findings: Findings) -> str:
    """Return what a metric's numbers say. `result`: with everything but its words."""
    if result.verdict == "UNDEFINED":
        return f"Not measured: {_ended(result.reason)}"
    parts = [_apart(result), _bounds(result), _verdict(result)]
    if result.rate == IMPACT_RATIO and result.limit == FOUR_FIFTHS:
        parts.append(_four_fifths(findings))
    return " ".join(part for part in parts if part)


def recommendations(name: MetricName, result: MetricResult, findings: Findings) -> list[str]:
    """Return what can be done next; nothing where the limit is kept."""
    if result.verdict == "UNDEFINED":
        return _towards_a_measurement(result, findings)
    if result.verdict == "INCONCLUSIVE":
        return _towards_a_verdict(result)
    return _after_a_failure(name, result, findings) if result.verdict == "FAIL" else []


def not_judged(findings: Findings) -> str | None:
    """Return which groups no verdict speaks of, None where there is none."""
    names = [name for name, group in findings.groups.items() if not group.judged]
    if not names:
        return None
    listed = [f"{shown(name)} ({findings.groups[name].why_not or 'not judged'})" for name in names[:MOST_GROUPS]]
    return f"No verdict speaks of {_listed(listed, len(names))}."


def summary(test: BiasTestSummary) -> str:
    """Return a test in two sentences. `test`: with everything but this."""
    asked = test.metrics_passed + test.metrics_failed + test.metrics_inconclusive + test.metrics_undefined
    counts = [
        (test.metrics_passed, "passed"),
        (test.metrics_failed, "failed"),
        (test.metrics_inconclusive, "not decided by the rows"),
        (test.metrics_undefined, "not measured"),
    ]
    said = ", ".join(f"{count} {what}" for count, what in counts if count)
    return (
        f"{shown(test.protected_attribute)} over {test.rows:,} rows at threshold {test.fairness_threshold:g}: of "
        f"{asked} {'metric' if asked == 1 else 'metrics'} {said}. {_RISKS[test.overall_risk]}"
    )


_RISKS = {
    "low": "Everything that was asked keeps its limit: low risk.",
    "medium": "One limit is broken: medium risk.",
    "high": "Two limits are broken: high risk.",
    "critical": "Three limits or more are broken: critical risk.",
    "undetermined": "Nothing is shown to fail and not everything to hold: the risk is undetermined.",
}


def shown(name: str) -> str:
    """Return a name of a group or column, cut where it is long."""
    return name if len(name) <= LONGEST_GROUP else name[: LONGEST_GROUP - 1] + "…"


def limit_in_words(direction: Direction, limit: float) -> str:
    """Return `at least 0.8`."""
    return f"{direction.replace('_', ' ')} {_number(limit)}"


def _apart(result: MetricResult) -> str:
    """Say which two groups are furthest apart, and how far."""
    low, high = (result.group_scores.get(name or "") for name in (result.lowest, result.highest))
    score = _number(result.score)
    if result.lowest is None or result.highest is None or low is None or high is None:
        return f"The score is {score}."
    lowest, highest = shown(result.lowest), shown(result.highest)
    if result.rate == IMPACT_RATIO:
        return f"The favourable rate of {lowest} is {score} of that of {highest}."
    if result.rate in SHARES:
        among, share = SHARES[result.rate]
        said = f"{among}{_percent(high)} of {highest} and {_percent(low)} of {lowest} {share}"
    else:
        said = f"{highest} has {_number(high.value)} and {lowest} {_number(low.value)}"
    apart = f"the lower rate is {score} of the higher" if result.direction == "at_least" else f"{score} apart"
    return f"{said}: {apart}."


def _bounds(result: MetricResult) -> str:
    if result.interval is None:
        return ""
    lower, upper = result.interval
    confidence = "" if result.confidence is None else f"{100 * result.confidence:g} % "
    limit = limit_in_words(result.direction, result.limit)
    return f"The {confidence}interval runs from {_number(lower)} to {_number(upper)}; it should be {limit}."


def _verdict(result: MetricResult) -> str:
    if result.verdict == "PASS":
        return "All of it is."
    if result.verdict == "FAIL":
        together = result.family if result.family is not None and result.family > 1 else None
        allowing = "" if together is None else f", allowing for the {together} measurements that were judged together"
        return f"No part of it is{allowing}."
    return f"The rows do not decide: {_ended(result.reason)}"


def _four_fifths(findings: Findings) -> str:
    """Say which groups are under four fifths, how surely, and where one person would change that."""
    below = {name: group.four_fifths for name, group in findings.groups.items() if group.four_fifths}
    under = [
        f"{shown(name)} (p {_p(found.p_value)})"
        for name, found in below.items()
        if found.below and found.p_value is not None
    ]
    close = [shown(name) for name, found in below.items() if found.one_person_decides]
    said = f"Under four fifths: {_listed(under[:MOST_GROUPS], len(under))}." if under else ""
    if close:
        said += f" One person decided otherwise would move {_listed(close[:MOST_GROUPS], len(close))} across it."
    return said.strip()


def _towards_a_measurement(result: MetricResult, findings: Findings) -> list[str]:
    if result.reason in NEEDS.values():
        return [f"Test again: {result.reason.partition(': ')[2]}."]
    small = [(name, group) for name, group in findings.groups.items() if not group.judged and group.why_not]
    found = [f"{shown(name)} is not judged: {group.why_not}." for name, group in small[:MOST_GROUPS]]
    without = [name for name, score in result.group_scores.items() if score.judged and score.value is None]
    found += [f"Add rows of {shown(name)}: {result.group_scores[name].why}." for name in without[:MOST_GROUPS]]
    return found


def _towards_a_verdict(result: MetricResult) -> list[str]:
    if result.rows_to_decide is None:
        found = ["No number of rows that people have would decide: the estimate is too near to its limit."]
    else:
        now = "" if result.n is None else f", where there are {result.n:,} now"
        found = [
            f"About {result.rows_to_decide:,} rows in the same proportions would decide{now}, if the score stayed."
        ]
    judged = {name: score for name, score in result.group_scores.items() if score.judged}
    if judged:
        fewest = min(judged, key=lambda name: judged[name].n)
        what = " that this rate is a share of" if result.rate in SHARES and result.rate != "favourable_rate" else ""
        found.append(
            f"Rows of {shown(fewest)} help most: it has {judged[fewest].n:,}{what}, the fewest of all judged groups."
        )
    return found


def _after_a_failure(name: MetricName, result: MetricResult, findings: Findings) -> list[str]:
    found = []
    if result.lowest is not None and result.highest is not None:
        found.append(f"Begin with {shown(result.lowest)} and {shown(result.highest)}, which are furthest apart.")
    base_rates = findings.comparison(BASE_RATES) if name in RATES_OF_ERRORS else None
    if base_rates is not None and base_rates.lower is not None and base_rates.lower > 0:
        found.append(
            f"Base rates differ by {_number(base_rates.value)}: equal error rates and equal predictive values cannot "
            "both be had. Decide which errors matter here before the model is changed."
        )
    found.append("After a change of the model, test its new decisions: a repair of one gap can open another.")
    return found


def _listed(names: Sequence[str], of: int) -> str:
    more = of - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def _percent(score: GroupScore) -> str:
    return "an unknown share" if score.value is None else f"{100 * score.value:.1f} %"


def _number(value: float | None) -> str:
    if value is None:
        return "no bound"
    return "below 0.0001" if 0 < value < 0.0001 else f"{value:.4g}"


def _p(value: float) -> str:
    return "below 0.0001" if value < 0.0001 else f"= {value:.2g}"


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
