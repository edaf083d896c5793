"""What a trial's resource is: rounds or epochs of an estimator that grows, else rows."""

from typing import Any

from apps.ml.data.processed import Task
from apps.ml.experiments.tuning.spaces import resource_option
from apps.ml.models.calibration import method_for
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.parameters import ModelTraining


def grows(training: ModelTraining, task: Task) -> bool:
    """Whether the estimator's fit can be watched and stopped while it grows.

    A mitigation and a calibration need finished fits; with them, every estimator is fitted anew on more rows.
    """
    entry = ESTIMATORS[training.estimator]
    at_once = training.mitigation.method != "none" or method_for(entry, training.calibration, task) != "none"
    return entry.grow is not None and resource_option(training.estimator) is not None and not at_once


def resource_of(training: ModelTraining, task: Task) -> str:
    """Return `rounds`, `epochs` or `rows`."""
    return ESTIMATORS[training.estimator].resource if grows(training, task) else "rows"


def units_available(training: ModelTraining, task: Task, rows: int) -> int:
    """Return how much of the resource there is: the option that limits rounds, or the rows of a fold."""
    if not grows(training, task):
        return rows
    options: Any = getattr(training.estimators, training.estimator)
    return int(getattr(options, resource_option(training.estimator) or ""))
