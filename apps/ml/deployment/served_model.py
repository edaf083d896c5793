"""A bundle together with what is known about where it came from."""

from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.request_schema import row_model, type_name
from apps.ml.deployment.schemas import ColumnDescription, ModelDescription
from apps.ml.models.bundle import ModelBundle


@dataclass(frozen=True)
class ServedModel:
    """One model version, loaded and verified.

    `version` and `alias` are None where the model came from a folder; `evidence` is the digest of the version's
    evidence, and where it is None, `evidence_missing` says why. `bundle_digest` is the sha256 of the bundle's manifest.
    """

    name: str
    version: str | None
    alias: str | None
    evidence: str | None
    evidence_missing: str | None
    bundle_digest: str
    bundle: ModelBundle

    @cached_property
    def row_model(self) -> type[BaseModel]:
        """The pydantic model of one row of this version."""
        return row_model(self.bundle.info.columns)

    @property
    def label(self) -> str:
        """How the model is called in messages for people."""
        version = f" version {self.version}" if self.version else " (from a folder)"
        return f"{self.name}{version}" + (f" ({self.alias})" if self.alias else "")

    def description(self) -> ModelDescription:
        """What `/v1/models` tells about this model."""
        info = self.bundle.info
        return ModelDescription(
            name=self.name,
            version=self.version,
            alias=self.alias,
            evidence=self.evidence,
            evidence_missing=self.evidence_missing,
            bundle=self.bundle_digest,
            title=info.title,
            estimator=info.estimator,
            task=info.task,
            mitigation=info.mitigation.method if info.mitigation else None,
            needs_sensitive_at_prediction=info.needs_sensitive_at_prediction,
            randomised=info.randomised,
            threshold=info.threshold,
            threshold_rule=info.threshold_rule,
            favourable=info.favourable,
            positive_name=info.positive_name,
            negative_name=info.negative_name,
            training_rows=info.training_rows,
            uses_sensitive=info.uses_sensitive,
            columns=[_column(column) for column in info.columns],
        )


def _column(column: ColumnSchema) -> ColumnDescription:
    return ColumnDescription(
        name=column.name,
        type=type_name(column),
        nullable=column.nullable,
        description=column.description,
        minimum=column.minimum,
        maximum=column.maximum,
        categories=list(column.categories),
        sensitive=column.sensitive,
    )
