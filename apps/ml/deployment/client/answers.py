"""What the client returns: frozen values, checked against the contract before anybody sees them."""

from dataclasses import dataclass
from typing import Literal

from apps.ml.deployment.client.explanations import Explanation

JsonType = Literal["integer", "number", "boolean", "string"]
Task = Literal["binary_classification", "regression"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one row. `decision` and `threshold` are None where a number is predicted and nothing decided.

    `explanation`: None unless it was asked for.
    """

    id: str
    score: float
    decision: Literal[0, 1] | None
    threshold: float | None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """The answers to the rows of one call, in their order, all from one version.

    `version` and `evidence` are None where the model is served from a folder and not from the registry.
    """

    model: str
    version: str | None
    evidence: str | None
    predictions: tuple[Prediction, ...]

    @property
    def scores(self) -> tuple[float, ...]:
        """The scores alone."""
        return tuple(prediction.score for prediction in self.predictions)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a version's signature. `minimum`, `maximum` and `categories` are what training data held to."""

    name: str
    type: JsonType
    nullable: bool
    description: str
    minimum: float | None
    maximum: float | None
    categories: tuple[str, ...]
    sensitive: bool


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A version that is served. `bundle`: sha256 of its manifest; `favourable`: what is good for the person."""

    name: str
    version: str | None
    alias: str | None
    evidence: str | None
    bundle: str
    title: str
    estimator: str
    task: Task
    threshold: float | None
    favourable: Literal["positive", "negative"]
    positive_name: str
    negative_name: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether predictions are answered; where not, `reason` says why. `notes`: what is out of order all the same."""

    ready: bool
    state: str
    reason: str | None
    notes: tuple[str, ...]
