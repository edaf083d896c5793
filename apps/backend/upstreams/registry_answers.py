"""What the evidence service answers about models, as its contract says; what it adds is left out unless noted."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

CHAMPION = "champion"
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class RegisteredModel(BaseModel):
    """A model of the registry. `aliases`: alias → version; `newest`: null while it has no version."""

    name: str
    title: str | None = None
    aliases: dict[str, str]
    newest: str | None = None


class RegisteredModels(BaseModel):
    """All of them."""

    models: list[RegisteredModel]


class ModelVersion(BaseModel):
    """A version of a model. `evidence`: digest of its record; `commit`: of the code that made it; null: not known.

    `status`: `champion`, `former_champion`, `rolled_back`, `refused` (gates or the comparison with the champion do not
    let it become champion), `candidate`, or null: none of these.
    """

    model: str
    version: str
    created_at: datetime
    aliases: list[str]
    verdict: Verdict
    evidence: str | None = None
    run_id: str | None = None
    commit: str | None = None
    dataset: str | None = None
    estimator: str | None = None
    status: str | None = None


class ModelVersions(BaseModel):
    """The versions of a model, the newest first."""

    versions: list[ModelVersion]


class GateVerdict(BaseModel):
    """What one gate, guard or rule of policy said of a version, with everything that was published about it.

    `value` is the estimate of `measurement`, by which it was decided, `threshold` the limit; `measurements` holds all
    that were judged, by their path in the evidence, each with its own verdict.
    """

    model_config = ConfigDict(extra="allow")

    name: str
    verdict: Verdict
    value: Any = None
    threshold: Any = None
    direction: str | None = None
    measurement: str | None = None
    reason: str | None = None
    measurements: dict[str, Any] = {}


class PromotionFacts(BaseModel):
    """What became of a version in the registry: why it was promoted, against which verdict, why it was taken back."""

    reason: str | None = None
    overridden_verdict: str | None = None
    rolled_back: str | None = None
    champion_comparison: str | None = None
    compared_with: str | None = None


class VersionDetails(ModelVersion):
    """A version with what was judged, what was measured, and the parameters that it was made with.

    `metrics`: name → `{"value", "lower"?, "upper"?}`, or `{"value": null, "undefined": reason}`; `reason`: of the
    verdict.
    """

    reason: str | None = None
    gates: list[GateVerdict]
    guards: list[GateVerdict] = []
    policy: list[GateVerdict] = []
    metrics: dict[str, Any]
    parameters: dict[str, Any]
    promotion: PromotionFacts = PromotionFacts()

    @property
    def judged(self) -> dict[str, GateVerdict]:
        """Everything that was judged, under a name of its own."""
        return {
            **{gate.name: gate for gate in self.gates},
            **{f"guard: {guard.name}": guard for guard in self.guards},
            **{f"policy: {rule.name}": rule for rule in self.policy},
        }


class ComparedVersion(ModelVersion):
    """One of the versions that are compared. `champion_comparison`: what was found when it was to become champion."""

    metrics: dict[str, Any]
    champion_comparison: dict[str, Any] | None = None


class PairedDifferences(BaseModel):
    """A version against the baseline on the same rows; where they cannot be paired, `undefined` says why.

    `differences`: metric → difference with intervals, method and verdict; `rows`: both answered; `left_out`: one alone.
    """

    version: str
    undefined: str | None = None
    rows: int | None = None
    left_out: int | None = None
    sources: list[str] = []
    differences: dict[str, dict[str, Any]] = {}


class Comparison(BaseModel):
    """Versions of one model side by side; differences are `version` − `baseline`.

    `front`: what nothing beats in performance and fairness at once; null where that cannot be said.
    """

    model: str
    baseline: str
    confidence: float
    versions: list[ComparedVersion]
    differing_parameters: dict[str, list[str | None]] = {}
    paired: list[PairedDifferences]
    front: dict[str, Any] | None = None


class Document(BaseModel):
    """A document that was rendered from the evidence. `bytes`: its size."""

    name: str
    title: str | None = None
    media_type: str
    bytes: int


class Documents(BaseModel):
    """The documents of a version."""

    documents: list[Document]


class LineageNode(BaseModel):
    """Something on the way from a version back to its rows. `kind`: as `run`, `commit` or `data`."""

    id: str
    kind: str
    label: str
    facts: dict[str, Any]


class LineageEdge(BaseModel):
    """How one node follows from another."""

    source: str
    target: str
    relation: str


class Lineage(BaseModel):
    """Where a version came from; every edge joins two of the nodes."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]

    @model_validator(mode="after")
    def joins_its_nodes(self) -> "Lineage":
        """Refuse edges that lead nowhere."""
        known = {node.id for node in self.nodes}
        if any(edge.source not in known or edge.target not in known for edge in self.edges):
            raise ValueError("an edge names a node that is not there")
        return self


class Promoted(BaseModel):
    """A version is the champion now. `previous`: which one was before."""

    model: str
    version: str
    promoted: Literal[True]
    previous: str | None = None
    verdict: Verdict


class RolledBack(BaseModel):
    """The champion before is the champion again."""

    model: str
    left: str = Field(alias="from")
    came: str = Field(alias="to")


class Reasons(BaseModel):
    """Why something was refused."""

    code: str
    message: str
    findings: list[Any] = []


class Refusal(BaseModel):
    """How the service refuses."""

    error: Reasons
