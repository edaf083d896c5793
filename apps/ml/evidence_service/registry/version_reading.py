"""Models and versions as the registry has them."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apps.ml.errors import RegistryError
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.published_runs import NO_RUN, PublishedRun
from apps.ml.evidence_service.registry.shapes import Status, VersionEntry
from apps.ml.experiments import registry, tags
from apps.ml.experiments.registry import Version
from apps.ml.experiments.tracking import TrackingStore

MODEL_NAME = re.compile(r"[^\x00-\x1f\x7f/:'\"`\\]{1,200}")
"""What a name may hold that the store is asked for; of others there is no model."""

NO_FACT = "none"


def versions_named(store: TrackingStore, model: str) -> list[Version]:
    """Return the versions of a model, the newest first; :class:`RefusalError` 404 where there is no such model."""
    if MODEL_NAME.fullmatch(model) is None:
        raise refused.unknown_model()
    try:
        return registry.list_versions(store, model)
    except RegistryError:
        raise refused.unknown_model() from None


def version_named(store: TrackingStore, model: str, number: str) -> Version:
    """Return one version; :class:`RefusalError` 404 where there is no such model or version."""
    found = next((one for one in versions_named(store, model) if one.number == number), None)
    if found is None:
        raise refused.unknown_version()
    return found


def former_champions(store: TrackingStore, model: str) -> frozenset[str]:
    """Return the numbers of all versions that were or are champion."""
    return frozenset(registry.champions(store, model))


def entry_of(version: Version, former: frozenset[str], run: PublishedRun | None) -> VersionEntry:
    """Return a version as it is listed."""
    return VersionEntry(**entry_facts(version, former, run))


def entry_facts(version: Version, former: frozenset[str], run: PublishedRun | None) -> dict[str, Any]:
    """Return the fields of :class:`VersionEntry`; `former`: numbers of all versions that were or are champion."""
    return {
        "model": version.name,
        "version": version.number,
        "created_at": moment(version.created),
        "aliases": list(version.aliases),
        "verdict": version.verdict,
        "evidence": fact(version.tags, tags.EVIDENCE),
        "run_id": "" if version.run_id in NO_RUN else version.run_id,
        "commit": fact(version.tags, tags.COMMIT),
        "dataset": fact(version.tags, tags.DATASET),
        "estimator": None if run is None else run.estimator,
        "status": _status(version, former),
    }


def fact(facts: Mapping[str, str], tag: str) -> str | None:
    """Return the value of a tag; None where it is not set, or says that there is nothing."""
    found = facts.get(tag)
    return None if found in (None, "", NO_FACT) else found


def moment(milliseconds: int) -> str:
    """Return a moment as `2026-01-31T12:00:00.000Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{rest:03d}Z"


def without_infinities(content: Any) -> Any:
    """Return content that JSON can hold: a number that is none becomes null."""
    if isinstance(content, Mapping):
        return {str(key): without_infinities(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_infinities(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _status(version: Version, former: frozenset[str]) -> Status | None:
    if tags.CHAMPION_ALIAS in version.aliases:
        return "champion"
    if tags.ROLLED_BACK in version.tags:
        return "rolled_back"
    if version.number in former:
        return "former_champion"
    beside = version.tags.get(tags.COMPARISON)
    judged = tags.VERDICT in version.tags
    if beside in ("FAIL", "INCONCLUSIVE") or (judged and version.verdict != "PASS"):
        return "refused"
    return "candidate" if tags.CANDIDATE_ALIAS in version.aliases else None
