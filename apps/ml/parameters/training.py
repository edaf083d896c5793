"""The section `model_training`: the estimator, how it is fitted, and how its scores become decisions."""

from typing import Annotated, Literal

from pydantic import Field

from apps.ml.parameters.estimators import EstimatorName, Estimators
from apps.ml.parameters.mitigation import Mitigation
from apps.ml.parameters.values import Count, OpenShare, Positive, Section, Seed

Direction = Literal["increasing", "decreasing"]


class EarlyStopping(Section):
    """Stop growing when the validation loss has not improved for `rounds` rounds."""

    enabled: bool = True
    rounds: Count = 50


class Threshold(Section):
    """The named rule that turns scores into decisions, applied to validation rows."""

    rule: Literal["fixed", "best_balanced_accuracy", "best_accuracy", "selection_rate", "cost_matrix"] = "fixed"
    value: OpenShare = 0.5
    rate: OpenShare = 0.5
    cost_false_positive: Positive = 1.0
    cost_false_negative: Positive = 1.0


class Calibration(Section):
    """How scores become probabilities.

    `as_needed`: `sigmoid` for estimators whose scores are no probabilities, nothing for the others. The curve is fitted
    to scores of training rows that were predicted by models which had not seen them (`folds` of them).
    """

    method: Literal["as_needed", "none", "sigmoid", "isotonic"] = "as_needed"
    folds: Annotated[int, Field(ge=2, le=20)] = 5


class ModelTraining(Section):
    """The estimator, how it is fitted, and how its scores become decisions.

    `monotone`: input column → the direction in which the score may move when its value rises.
    """

    estimator: EstimatorName
    seed: Seed
    class_weight: Literal["none", "balanced"] = "none"
    early_stopping: EarlyStopping = EarlyStopping()
    calibration: Calibration = Calibration()
    monotone: dict[str, Direction] = {}
    threshold: Threshold = Threshold()
    mitigation: Mitigation = Mitigation()
    estimators: Estimators = Estimators()
