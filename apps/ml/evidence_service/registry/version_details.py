"""One version with its gates, metrics and parameters, as they were published."""

import json
from collections.abc import Mapping
from typing import Any

from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.published_runs import PublishedRun, run_of
from apps.ml.evidence_service.registry.shapes import JudgedGate, PromotionFacts, VersionDetails
from apps.ml.evidence_service.registry.version_reading import entry_facts, fact, without_infinities
from apps.ml.experiments import tags
from apps.ml.experiments.comparison import measurements
from apps.ml.experiments.registry import Version
from apps.ml.experiments.run_writing import REGISTRATION_FILE
from apps.ml.experiments.runs import undefined_metrics
from apps.ml.experiments.tracking import TrackingStore

LARGEST_VERDICT_BYTES = 16_000_000
NOT_PUBLISHED = "nothing was judged: no verdict was published with this version"
NOT_A_NUMBER = "the store holds no finite number"


def details_of(
    store: TrackingStore, version: Version, former: frozenset[str], published: PublishedRun | None
) -> VersionDetails:
    """Return a version with everything that was judged; lists are empty where nothing was published."""
    run = run_of(store, version)
    verdict = registration_of(published)
    return VersionDetails(
        **entry_facts(version, former, published),
        reason=str(verdict.get("reason", NOT_PUBLISHED)),
        gates=judged(verdict.get("gates", {})),
        guards=judged(verdict.get("guards", {})),
        policy=judged(verdict.get("policy", {})),
        metrics={} if run is None else metrics_of(run),
        parameters={} if run is None else dict(run.data.params),
        promotion=_promotion(version),
    )


def registration_of(run: PublishedRun | None) -> dict[str, Any]:
    """Return what was published about the verdict; empty where nothing was.

    Raises
    ------
    RefusalError
        500: the file is damaged.
    """
    content = None if run is None else run.content(REGISTRATION_FILE, LARGEST_VERDICT_BYTES)
    if content is None:
        return {}
    try:
        found = json.loads(content)
    except ValueError:
        raise refused.damaged("the verdict") from None
    return found if isinstance(found, dict) else {}


def metrics_of(run: Any) -> dict[str, dict[str, Any]]:
    """Return name → value with its interval, or null with the reason."""
    found = measurements(run.data.metrics, undefined_metrics(run))
    return {name: _finite(one) for name, one in found.items()}


def judged(section: Mapping[str, Mapping[str, Any]]) -> list[JudgedGate]:
    """Return the gates (or guards, or rules) of one section of the verdict, in its order."""
    return [_gate(name, content) for name, content in section.items()]


def _gate(name: str, content: Mapping[str, Any]) -> JudgedGate:
    found = without_infinities(content)
    measured = found.pop("measurements", {})
    path, value = _deciding(found, measured)
    own = {
        "name": name,
        "value": value,
        "threshold": found.pop("limit", None),
        "direction": found.pop("direction", None),
        "measurement": path,
        "reason": found.pop("reason", None),
        "measurements": measured,
    }
    return JudgedGate(**{**found, **own})


def _deciding(gate: Mapping[str, Any], measured: Mapping[str, Mapping[str, Any]]) -> tuple[str | None, float | None]:
    """Return the measurement by which the gate got its verdict: the worst estimate among those of the same verdict."""
    decided = {
        path: float(one["value"])
        for path, one in measured.items()
        if one.get("value") is not None and one.get("verdict", gate.get("verdict")) == gate.get("verdict")
    }
    if not decided:
        return None, None
    worst = max if gate.get("direction") == "at_most" else min
    path = worst(decided, key=lambda one: decided[one])
    return path, decided[path]


def _finite(measurement: Mapping[str, Any]) -> dict[str, Any]:
    found = without_infinities(measurement)
    if found["value"] is None and "undefined" not in found:
        return {"value": None, "undefined": NOT_A_NUMBER}
    return {key: value for key, value in found.items() if key in ("value", "undefined") or value is not None}


def _promotion(version: Version) -> PromotionFacts:
    return PromotionFacts(
        reason=version.tags.get(tags.REASON),
        overridden_verdict=version.tags.get(tags.OVERRIDE),
        rolled_back=version.tags.get(tags.ROLLED_BACK),
        champion_comparison=version.tags.get(tags.COMPARISON),
        compared_with=fact(version.tags, tags.COMPARED_WITH),
    )
