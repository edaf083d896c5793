"""The shapes of answers that come with explanations."""

from pydantic import Field

from apps.ml.deployment.explaining.shapes import ExplanationShape
from apps.ml.deployment.native.schemas import Prediction
from apps.ml.deployment.requests.error_shape import Shape


class ExplainedPrediction(Prediction):
    """A prediction with its explanation."""

    explanation: ExplanationShape


class ExplanationAnswer(Shape):
    """The predictions in the order of the rows; the other fields are those of a prediction's answer."""

    model: str
    version: str | None
    evidence: str | None = Field(description="Digest of the evidence that was measured for this version.")
    predictions: list[ExplainedPrediction]
