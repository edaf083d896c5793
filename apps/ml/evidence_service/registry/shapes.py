"""The JSON of the registry."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from apps.ml.deployment.requests.error_shape import Shape
from apps.ml.evaluation.gates.judging import Verdict

Status = Literal["champion", "rolled_back", "former_champion", "refused", "candidate"]


class ModelEntry(Shape):
    """A registered model. `title`: of its data set, null where nothing was published; `newest`: its newest version."""

    name: str
    title: str | None
    aliases: dict[str, str] = Field(description="Alias to version.")
    newest: str | None


class ModelEntries(Shape):
    """All registered models, by name."""

    models: list[ModelEntry]


class VersionEntry(Shape):
    """One version. Null: nothing was published that would say it."""

    model: str
    version: str
    created_at: str = Field(description="ISO 8601, in UTC.")
    aliases: list[str]
    verdict: Verdict = Field(description="Of gates, guards and policy together.")
    evidence: str | None = Field(description="Digest of the evidence record.")
    run_id: str = Field(description="Empty where it was registered without a run.")
    commit: str | None
    dataset: str | None
    estimator: str | None
    status: Status | None = Field(
        description="`refused`: its verdict or the comparison with the champion does not let it become champion; "
        "`rolled_back`: it was taken out of service; null: none of these."
    )


class VersionEntries(Shape):
    """The versions of a model, the newest first."""

    versions: list[VersionEntry]


class JudgedGate(Shape):
    """A gate, guard or rule of policy as it was published.

    `value` is the published estimate of `measurement`, the one that is closest to the limit or furthest beyond it among
    those that decided; both are null where none has a value. `measurements` holds all of them, with intervals.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    verdict: Verdict
    value: float | None
    threshold: float | None
    direction: Literal["at_least", "at_most"] | None
    measurement: str | None
    reason: str | None
    measurements: dict[str, Any]


class PromotionFacts(Shape):
    """What became of the version: why it was promoted, against which verdict, why it was taken out of service."""

    reason: str | None
    overridden_verdict: str | None
    rolled_back: str | None
    champion_comparison: str | None = Field(description="PASS, FAIL, INCONCLUSIVE, or `none`: there was no champion.")
    compared_with: str | None


class VersionDetails(VersionEntry):
    """One version with what was measured and judged.

    `metrics`: name to `{"value", "lower"?, "upper"?}`, or `{"value": null, "undefined": reason}`. `reason`: of the
    verdict, or why there is none.
    """

    reason: str
    gates: list[JudgedGate]
    guards: list[JudgedGate]
    policy: list[JudgedGate]
    metrics: dict[str, dict[str, Any]]
    parameters: dict[str, str]
    promotion: PromotionFacts


class EvidenceRecord(Shape):
    """The record as it was published; docs/contracts/evidence.schema.json says what else it holds."""

    model_config = ConfigDict(extra="allow", frozen=True)

    format: int
    digest: str


class EvidenceSection(Shape):
    """One part of an evidence record; `digest` is that of the whole record."""

    section: str
    digest: str
    content: Any


class DocumentEntry(Shape):
    """A published file; `name` is what its path ends with."""

    name: str
    title: str
    media_type: str
    bytes: int


class DocumentEntries(Shape):
    """The documents of a version."""

    documents: list[DocumentEntry]


class LineageNode(Shape):
    """One thing that a version comes from, or that was found out about it."""

    id: str
    kind: Literal["model", "version", "run", "commit", "source", "data", "split", "bundle", "evidence", "gate"]
    label: str
    facts: dict[str, Any]


class LineageEdge(Shape):
    """`source` stands in the relation to `target`; both are ids of nodes."""

    source: str
    target: str
    relation: str


class LineageGraph(Shape):
    """The way back from a version."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]


class ComparedVersion(VersionEntry):
    """One of the compared versions; `champion_comparison`: what was found when it was about to become champion."""

    metrics: dict[str, dict[str, Any]]
    champion_comparison: dict[str, Any] | None


class PairedDifferences(Shape):
    """A version against the baseline on the same test rows.

    `differences`: metric to value, intervals (`lower` and `upper` by itself, `simultaneous_…` among all), method and
    verdict; empty where the pair is `undefined`, which says why. `rows`: common ones; `left_out`: answered by one only.
    """

    version: str
    undefined: str | None
    rows: int | None
    left_out: int | None
    sources: list[str]
    differences: dict[str, dict[str, Any]]


class VersionComparison(Shape):
    """Versions side by side. Lists by version follow the order of `versions`; differences: `version` − `baseline`."""

    model: str
    baseline: str
    confidence: float
    versions: list[ComparedVersion]
    differing_parameters: dict[str, list[str | None]]
    paired: list[PairedDifferences]
    front: dict[str, Any] | None


class Promoted(Shape):
    """`version` is the champion; `previous`: to which a roll back would go, null where there is none."""

    model: str
    version: str
    promoted: Literal[True]
    previous: str | None
    verdict: Verdict


class RolledBack(Shape):
    """The version that left and the one that is champion again."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)

    model: str
    left: str = Field(alias="from")
    came: str = Field(alias="to")
