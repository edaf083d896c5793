"""What a trial's resource is: rounds or epochs of an estimator that grows, else rows."""

from typing import Any

from apps.ml.experiments.tuning.spaces import resource_option
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.parameters import ModelTraining


def grows(training: ModelTraining) -> bool:
    """Whether the estimator's fit can be watched and stopped while it grows.

    A mitigation and a calibration need finished fits; with them, every estimator is fitted anew on more rows.
    """
    entry = ESTIMATORS[training.estimator]
    calibrated = training.calibration.method not in ("as_needed", "none") or not (
        entry.gives_probabilities or training.calibration.method == "none"
    )
    limited = resource_option(training.estimator) is not None
    return entry.grow is not None and limited and training.mitigation.method == "none" and not calibrated


def resource_of(training: ModelTraining) -> str:
    """Return `rounds`, `epochs` or `rows`."""
    return ESTIMATORS[training.estimator].resource if grows(training) else "rows"


def units_available(training: ModelTraining, rows: int) -> int:
    """Return how much of the resource there is: the option that limits rounds, or the rows of a fold."""
    if not grows(training):
        return rows
    options: Any = getattr(training.estimators, training.estimator)
    return int(getattr(options, resource_option(training.estimator) or ""))
