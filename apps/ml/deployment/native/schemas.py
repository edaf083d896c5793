"""The shapes of the native answers, as the OpenAPI document shows them."""

from typing import Literal

from pydantic import Field

from apps.ml.deployment.requests.error_shape import Shape

JsonType = Literal["integer", "number", "boolean", "string"]


class Prediction(Shape):
    """The answer to one row, in the order of the rows.

    `score` is the probability of the positive event; `decision` is 1 where the decision score, which is the score
    unless a mitigation moves it, is at least `threshold`, else 0. A model that predicts a number gives it as `score`
    and decides nothing: `decision` and `threshold` are null.
    """

    id: str = Field(description="Names this one answer for ever (UUID, version 7).")
    score: float
    decision: Literal[0, 1] | None
    threshold: float | None


class PredictionAnswer(Shape):
    """`version` and `evidence` are null where a model is served from a folder and not from the registry."""

    model: str
    version: str | None
    evidence: str | None = Field(description="Digest of the evidence that was measured for this version.")
    predictions: list[Prediction]


class ColumnDescription(Shape):
    """One column of the signature. `minimum`, `maximum` and `categories` are what training data were held to."""

    name: str
    type: JsonType
    nullable: bool
    description: str
    minimum: float | None
    maximum: float | None
    categories: list[str]
    sensitive: bool


class ModelDescription(Shape):
    """What is served and what its decisions mean."""

    name: str
    version: str | None
    alias: str | None
    evidence: str | None
    evidence_missing: str | None = Field(description="Why there is no evidence digest; null where there is one.")
    scorer: str = Field(description="What computes the answers.")
    scorers_refused: dict[str, str] = Field(description="Scorers that were not taken, and why.")
    bundle: str = Field(description="sha256 of the bundle's manifest, which holds the sha256 of every file.")
    title: str
    estimator: str
    task: Literal["binary_classification", "regression"]
    mitigation: str | None = Field(description="What was done about gaps between groups; null: nothing.")
    needs_sensitive_at_prediction: bool
    randomised: bool
    threshold: float | None = Field(description="Null where a number is predicted and nothing decided.")
    threshold_rule: str
    favourable: Literal["positive", "negative"] = Field(
        description="Whether the positive event (decision 1) or its absence is good for the person; of a predicted "
        "number, whether a high (positive) or a low value is."
    )
    positive_name: str
    negative_name: str
    training_rows: int
    uses_sensitive: bool
    columns: list[ColumnDescription]


class ModelList(Shape):
    """The served models; empty until one is loaded."""

    models: list[ModelDescription]


class Health(Shape):
    """The process is alive; this says nothing about the model."""

    status: Literal["alive"]


class Readiness(Shape):
    """Whether predictions are answered, and if not, why."""

    ready: bool
    state: Literal["loading", "ready", "ill", "failed"]
    reason: str | None
    notes: list[str] = Field(description="What is not in order though predictions are answered.")
    model: str | None
    version: str | None
