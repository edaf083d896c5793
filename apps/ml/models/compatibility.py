"""Which estimator goes with which label, mitigation and option; everything else is refused with the reason."""

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.errors import ParameterError
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.parameters import ModelTraining


def why_not(estimator: str, mitigation: str, task: Task) -> str | None:
    """Return why an estimator cannot be trained with a mitigation for labels of a kind, None where it can."""
    entry, chosen = ESTIMATORS[estimator], MITIGATIONS[mitigation]
    kind = "a label of two classes" if task == CLASSIFICATION else "a numeric label"
    if task not in entry.tasks:
        return f"{estimator} is not for {kind}"
    if task not in chosen.tasks:
        return f"{mitigation} is not for {kind}"
    if chosen.estimators and estimator not in chosen.estimators:
        return f"{mitigation} works with {', '.join(chosen.estimators)} only"
    if chosen.needs_weights and not entry.takes_weights:
        return f"{mitigation} needs an estimator that takes weights of rows, and {estimator} takes none"
    return None


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
    _require_constraint(parameters)
    _require_monotone(parameters)


def _require_constraint(parameters: ModelTraining) -> None:
    chosen = MITIGATIONS[parameters.mitigation.method]
    constraint = parameters.mitigation.constraint
    if chosen.constraints and constraint not in chosen.constraints:
        raise ParameterError(
            f"model_training.mitigation.constraint {constraint} is not among those of {parameters.mitigation.method}: "
            f"{', '.join(chosen.constraints)}. Choose one of these."
        )


def _require_monotone(parameters: ModelTraining) -> None:
    if parameters.monotone and not ESTIMATORS[parameters.estimator].takes_monotone:
        able = [name for name, entry in ESTIMATORS.items() if entry.takes_monotone]
        raise ParameterError(
            f"model_training.monotone: {parameters.estimator} cannot hold its score to a direction; these can: "
            f"{', '.join(able)}. Choose one of them or leave `monotone` empty."
        )
