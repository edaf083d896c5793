"""A bundle together with what is known about where it came from."""

from dataclasses import dataclass

from apps.ml.deployment.scorers.scorer import Scorer
from apps.ml.evaluation.explanations.basis_file import StoredBasis
from apps.ml.models.bundle import ModelBundle


@dataclass(frozen=True)
class WarmUp:
    """What the scorer did before its version answered anybody: golden rows that it scored one by one, and how long."""

    rows: int
    seconds: float


@dataclass(frozen=True, eq=False)
class ServedModel:
    """One model version, loaded and verified; two are equal only if they are the same object.

    `version` and `alias` are None where the model came from a folder; `evidence` is the digest of the version's
    evidence, and where it is None, `evidence_missing` says why. `bundle_digest` is the sha256 of the bundle's manifest.
    `scorer` computes the answers; `address` is where the version can be loaded from again. `basis`: what its
    explanations compare people with, where the version brings it; `basis_trouble`: why the one that it brings is not
    used, None where nothing is wrong with it.
    """

    name: str
    version: str | None
    alias: str | None
    evidence: str | None
    evidence_missing: str | None
    bundle_digest: str
    bundle: ModelBundle
    scorer: Scorer
    address: str
    warm_up: WarmUp | None = None
    basis: StoredBasis | None = None
    basis_trouble: str | None = None

    @property
    def label(self) -> str:
        """How the model is called in messages for people."""
        version = f" version {self.version}" if self.version else " (from a folder)"
        return f"{self.name}{version}" + (f" ({self.alias})" if self.alias else "")
