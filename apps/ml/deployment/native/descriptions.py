"""What `/v1/models` tells about the served versions."""

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.native.request_schema import type_name
from apps.ml.deployment.native.schemas import ColumnDescription, ModelDescription
from apps.ml.deployment.versions.served_model import ServedModel


def description(model: ServedModel) -> ModelDescription:
    """Return what `/v1/models` tells about a served version."""
    info = model.bundle.info
    return ModelDescription(
        name=model.name,
        version=model.version,
        alias=model.alias,
        evidence=model.evidence,
        evidence_missing=model.evidence_missing,
        scorer=model.scorer.name,
        scorers_refused=dict(model.scorer.refused),
        bundle=model.bundle_digest,
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
