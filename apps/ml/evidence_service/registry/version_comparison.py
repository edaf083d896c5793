"""Versions side by side: what `fairmind runs compare` finds, and what was found when each was about to be champion."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.evidence_reading import EVIDENCE_FILE
from apps.ml.evidence_service.registry.kept import Kept
from apps.ml.evidence_service.registry.published_runs import PublishedRun, PublishedRuns
from apps.ml.evidence_service.registry.shapes import ComparedVersion, PairedDifferences, VersionComparison
from apps.ml.evidence_service.registry.version_details import LARGEST_VERDICT_BYTES
from apps.ml.evidence_service.registry.version_reading import (
    entry_facts,
    former_champions,
    version_named,
    without_infinities,
)
from apps.ml.experiments.champion_comparison import COMPARISON_FILE
from apps.ml.experiments.comparison import Asked, compare_runs
from apps.ml.experiments.tracking import TrackingStore

LEAST_VERSIONS, MOST_VERSIONS = 2, 5
UNDEFINED = "undefined"


@dataclass(frozen=True)
class Comparing:
    """What comparisons are made with.

    `workspace`: where rows are looked for. `kept`: ids of runs → what was measured, where every pair was: nothing that
    appears later would change that.
    """

    workspace: Path
    runs: PublishedRuns
    kept: Kept[tuple[str, ...], dict[str, Any]]

    def compare(self, store: TrackingStore, model: str, numbers: Sequence[str]) -> VersionComparison:
        """Compare versions of a model; the first number is the baseline.

        Raises
        ------
        RefusalError
            404: there is no such model or version, or one came without evidence. 409: they cannot be compared.
        """
        versions = [version_named(store, model, number) for number in numbers]
        published = [_with_evidence(self.runs.of(store, version)) for version in versions]
        key = tuple(version.run_id for version in versions)
        found = self.kept.get(key)
        if found is None:
            found = _measured(store, [f"{model}/{number}" for number in numbers], self.workspace)
            if all(UNDEFINED not in pair for pair in found["paired"]):
                self.kept.keep(key, found, len(json.dumps(found)))
        former = former_champions(store, model)
        return VersionComparison(
            model=model,
            baseline=numbers[found["baseline"]],
            confidence=found["confidence"],
            versions=[
                ComparedVersion(
                    **entry_facts(version, former, run),
                    metrics=described["metrics"],
                    champion_comparison=_at_promotion(run),
                )
                for version, run, described in zip(versions, published, found["runs"], strict=True)
            ],
            differing_parameters=found["differing_parameters"],
            paired=[_paired(numbers[entry["place"]], entry) for entry in found["paired"]],
            front=_front(found["front"], numbers),
        )


def _measured(store: TrackingStore, references: Sequence[str], workspace: Path) -> dict[str, Any]:
    try:
        found = compare_runs(store, Asked(references=references), ArtifactPaths(workspace))
    except BadInputError as error:
        raise refused.not_comparable(str(error)) from None
    content: dict[str, Any] = without_infinities(found)
    return content


def _with_evidence(run: PublishedRun | None) -> PublishedRun:
    if run is None or EVIDENCE_FILE not in run.files(EVIDENCE_FILE.rpartition("/")[0]):
        raise refused.no_evidence()
    return run


def _at_promotion(run: PublishedRun) -> dict[str, Any] | None:
    content = run.content(COMPARISON_FILE, LARGEST_VERDICT_BYTES)
    if content is None:
        return None
    try:
        found: dict[str, Any] = json.loads(content)
    except ValueError:
        raise refused.damaged("the comparison with the champion") from None
    return found


def _paired(number: str, entry: Mapping[str, Any]) -> PairedDifferences:
    return PairedDifferences(
        version=number,
        undefined=entry.get(UNDEFINED),
        rows=entry.get("rows"),
        left_out=entry.get("left_out"),
        sources=entry.get("sources", []),
        differences=entry["differences"],
    )


def _front(front: Mapping[str, Any] | None, numbers: Sequence[str]) -> dict[str, Any] | None:
    """Say whose each point is by the version."""
    if front is None:
        return None
    points = [{**point, "version": numbers[point["place"]]} for point in front["points"]]
    return {**front, "points": points}
