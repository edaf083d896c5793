"""Which estimator goes with which label, mitigation and option; everything else is refused with the reason."""

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.errors import ParameterError
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.parameters import Constraint, ModelTraining

NUMERIC_CONSTRAINTS: tuple[Constraint, ...] = ("bounded_group_loss",)
"""Constraints on the errors of a numeric label; the others compare decisions."""


def why_not(estimator: str, mitigation: str, task: Task) -> str | None:
    """Return why an estimator cannot be trained with a mitigation for labels of a kind, None where it can."""
    entry, chosen = ESTIMATORS[estimator], MITIGATIONS[mitigation]
    if task not in entry.tasks:
        return f"{estimator} is not for {_kind(task)}"
    if task not in chosen.tasks:
        return f"{mitigation} is not for {_kind(task)}"
    if chosen.estimators and estimator not in chosen.estimators:
        return f"{mitigation} works with {', '.join(chosen.estimators)} only"
    if chosen.needs_weights and not entry.takes_weights:
        return f"{mitigation} needs an estimator that takes weights of rows, and {estimator} takes none"
    return None


def _kind(task: Task) -> str:
    return "a label of two classes" if task == CLASSIFICATION else "a numeric label"


def require_compatible(parameters: ModelTraining, task: Task) -> None:
    """Refuse what does not go together.

    Raises
    ------
    ParameterError
        The message names the keys of params.yaml, the reason and what to choose instead.
    """
    estimator, mitigation = parameters.estimator, parameters.mitigation.method
    reason = why_not(estimator, mitigation, task)
    if reason:
        fitting = [name for name in ESTIMATORS if why_not(name, mitigation, task) is None]
        raise ParameterError(
            f"model_training.estimator {estimator} with model_training.mitigation.method {mitigation}: {reason}. "
            f"Choose another mitigation, or one of the estimators {', '.join(fitting) or '(none is possible)'}."
        )
    if task != CLASSIFICATION and parameters.class_weight != "none":
        raise ParameterError(
            f"model_training.class_weight {parameters.class_weight} weighs two classes, and the label is a number. "
            "Choose `none`."
        )
    _require_constraint(parameters, task)
    _require_monotone(parameters)
    _require_calibration(parameters, task)


def _require_constraint(parameters: ModelTraining, task: Task) -> None:
    chosen = MITIGATIONS[parameters.mitigation.method]
    constraint = parameters.mitigation.constraint
    if chosen.constraints and constraint not in chosen.constraints:
        raise ParameterError(
            f"model_training.mitigation.constraint {constraint} is not among those of {parameters.mitigation.method}: "
            f"{', '.join(chosen.constraints)}. Choose one of these."
        )
    if chosen.constraints and (constraint in NUMERIC_CONSTRAINTS) == (task == CLASSIFICATION):
        fitting = [name for name in chosen.constraints if (name in NUMERIC_CONSTRAINTS) != (task == CLASSIFICATION)]
        raise ParameterError(
            f"model_training.mitigation.constraint {constraint} is not for {_kind(task)}. Choose one of "
            f"{', '.join(fitting)}."
        )


def _require_monotone(parameters: ModelTraining) -> None:
    if parameters.monotone and not ESTIMATORS[parameters.estimator].takes_monotone:
        able = [name for name, entry in ESTIMATORS.items() if entry.takes_monotone]
        raise ParameterError(
            f"model_training.monotone: {parameters.estimator} cannot hold its score to a direction; these can: "
            f"{', '.join(able)}. Choose one of them or leave `monotone` empty."
        )


def _require_calibration(parameters: ModelTraining, task: Task) -> None:
    method = parameters.calibration.method
    if task != CLASSIFICATION and method in ("sigmoid", "isotonic"):
        raise ParameterError(
            f"model_training.calibration.method {method} makes probabilities of two classes, and the label is a "
            "number. Choose `as_needed` or `none`."
        )
    if task == CLASSIFICATION and method == "none" and not ESTIMATORS[parameters.estimator].gives_probabilities:
        raise ParameterError(
            f"model_training.calibration.method none: the scores of {parameters.estimator} are margins and no "
            "probabilities. Choose `as_needed`, `sigmoid` or `isotonic`."
        )
