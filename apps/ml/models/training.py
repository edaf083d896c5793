"""Fitting the chosen estimator on the training rows; validation rows only decide when to stop growing."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.fitting import Fit, Report, Rows
from apps.ml.models.scoring import positive_scores
from apps.ml.parameters import ModelTraining

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]


@dataclass(frozen=True)
class TrainedModel:
    """A fitted estimator with `predict_proba`.

    `rounds` counts the rounds that were kept, None for an estimator that does not grow in rounds. `converged` is False
    when an iterative fit stopped at its limit of iterations.
    """

    estimator: Any
    rounds: int | None
    converged: bool

    def scores(self, X: Matrix) -> Matrix:
        """Return [n] probabilities of the positive event."""
        return positive_scores(self.estimator, X)


def silent(done: int, total: int, loss: float | None) -> None:
    """Report nothing."""


def train(
    parameters: ModelTraining,
    X_train: Matrix,
    y_train: Labels,
    X_validation: Matrix,
    y_validation: Labels,
    progress: Report = silent,
) -> TrainedModel:
    """Fit the estimator that `parameters` names; the same input gives the same model to the last bit.

    Parameters
    ----------
    X_train, X_validation : float64 [n, k]
        Encoded features, finite.
    y_train, y_validation : int8 [n]
        1 = the positive event.
    progress
        Called now and then with rounds done, rounds at most, validation loss.

    Raises
    ------
    DataError
        The training rows hold one class only, or there are no validation rows to watch.
    """
    _check(y_train, y_validation)
    options = getattr(parameters.estimators, parameters.estimator)
    fit = Fit(
        train=Rows(X_train, y_train, _weights(y_train, y_train, parameters.class_weight)),
        validation=Rows(X_validation, y_validation, _weights(y_validation, y_train, parameters.class_weight)),
        seed=parameters.seed,
        early_stopping=parameters.early_stopping,
        report=progress,
    )
    fitted = ESTIMATORS[parameters.estimator].fit(options, fit)
    return TrainedModel(fitted.estimator, fitted.rounds, fitted.converged)


def balanced_weights(labels: Labels) -> Matrix:
    """Return the weight of label 0 and of label 1 with which both classes have the same total weight.

    n / (2 · rows of the class), so that the weights of all rows sum to n.

    Examples
    --------
    Three rows of label 0 and one of label 1: 4 / 6 and 4 / 2.
    """
    return np.asarray(len(labels) / (2.0 * np.bincount(labels, minlength=2)), dtype=np.float64)


def _weights(labels: Labels, y_train: Labels, class_weight: Literal["none", "balanced"]) -> Matrix | None:
    """Weights of rows by the class shares of the training rows, for training and validation alike."""
    return None if class_weight == "none" else balanced_weights(y_train)[labels]


def _check(y_train: Labels, y_validation: Labels) -> None:
    positive = int(np.sum(y_train))
    if positive in (0, len(y_train)):
        raise DataError(
            f"the label of the {len(y_train)} training rows has one class only ({positive} positive); expected both. "
            "Check `label` and `splits` of the data set's declaration."
        )
    if not len(y_validation):
        raise DataError("there are no validation rows. Give `validation` a larger share in the declaration's split.")
