"""How severe a risk may be called: never low where evidence is missing, unknown, stale or simulated."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.documents.bills.aibom_controls import (
    UNPROVEN_STATES,
    Control,
    Facts,
    state_of_measurements,
)
from apps.ml.evaluation.documents.words import figure, spoken
from apps.ml.evaluation.record.layout import task_of

UNDATED = "1970-01-01T00:00:00Z"
"""Stands where a time must stand and none was handed in; the limitations say so."""

FOUR_FIFTHS = 0.8
"""Ratio of favourable rates under which 29 CFR 1607.4(D) sees a sign of adverse impact."""


def severity(record: Mapping[str, Any], facts: Facts) -> str:
    """Return how severe the measured gap in favourable outcomes is; unknown wherever the evidence cannot say.

    Low needs every group to be judged: what was not judged may be where the gap is. Of predicted numbers it is
    unknown: no rule says which difference of means is severe.
    """
    state, _ = state_of_measurements(record, facts)
    if task_of(record) == REGRESSION:
        return "unknown"
    ratios = [part.get("demographic_parity_ratio") for part in record["fairness"].values()]
    known = [found for found in ratios if found is not None and found["value"] is not None]
    if state not in ("current", "reviewed") or len(known) < len(ratios) or not known:
        return "unknown"
    if any(_bound(found, "upper") < FOUR_FIFTHS for found in known):
        return "high"
    if any(_bound(found, "lower") < FOUR_FIFTHS for found in known):
        return "medium"
    groups = [group for part in record["fairness"].values() for group in part["groups"].values()]
    return "low" if all(group["judged"] for group in groups) else "unknown"


def _bound(found: Mapping[str, Any], name: str) -> float:
    value = found.get(name)
    return float(found["value"] if value is None else value)


def risks(own: Sequence[Control], measured: Sequence[str], key_risks: list[str]) -> dict[str, Any]:
    """Summarise risks: what is missing, unknown, stale or simulated makes them unknown, never low."""
    states = [one.state for one in own]
    unproven = [state for state in states if state in UNPROVEN_STATES]
    severity = next(iter(measured), "unknown")
    if severity != "high" and (unproven or not measured):
        severity = "unknown"
    return {
        "overall_severity": severity,
        "key_risks": key_risks,
        "unknown_count": sum(state in ("unknown", "missing") for state in states),
        "stale_evidence_count": states.count("stale"),
        "simulated_evidence_count": states.count("simulated"),
        "reviewer_action": "Ask for evidence where it is open or simulated."
        if unproven
        else "Review what was measured.",
    }


def key_risks(record: Mapping[str, Any]) -> list[str]:
    """Name the attributes whose ratio of favourable rates is under four fifths, or undefined; of predicted numbers
    those whose mean errors differ for sure, or cannot be compared."""
    named = []
    if task_of(record) == REGRESSION:
        return _number_risks(record)
    for attribute, part in record["fairness"].items():
        found = part.get("demographic_parity_ratio", {"value": None, "undefined": "it was not measured"})
        if found["value"] is None:
            named.append(f"{spoken(attribute)}: ratio of favourable rates undefined: {found['undefined']}")
        elif found["value"] < FOUR_FIFTHS:
            named.append(f"{spoken(attribute)}: ratio of favourable rates {found['value']:.3f}")
    return named


def _number_risks(record: Mapping[str, Any]) -> list[str]:
    named = []
    for attribute, part in record["fairness"].items():
        found = part["mean_error_difference"]
        if found["value"] is None:
            named.append(f"{spoken(attribute)}: difference of mean errors undefined: {found['undefined']}")
        elif (found.get("lower") or 0.0) > 0:
            named.append(f"{spoken(attribute)}: mean errors differ by {figure(found['value'])}")
    return named


def is_reviewed(record: Mapping[str, Any], facts: Facts) -> bool:
    """Tell whether a responsible person signed this very digest."""
    return facts.reviewed is not None and facts.reviewed == record["digest"]


def moment(dated: str | None) -> str:
    """Return a date or time as a time of ISO 8601; a date is its first moment in UTC."""
    if dated is None:
        return UNDATED
    return dated if "T" in dated else f"{dated}T00:00:00Z"


def simulated(record: Mapping[str, Any]) -> bool:
    """Tell whether the rows were made up."""
    return bool(record["data"]["source_kind"] == "generator")
