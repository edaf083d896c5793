"""Scores of a fitted estimator: a row gets the same score alone and among others, to the last bit."""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.outputs import outputs_of, scale_of
from apps.ml.models.parts.part import Part

LARGEST = float(np.finfo(np.float32).max)
"""scikit-learn's forests compare in float32 and refuse more; a larger value lies beyond every split anyway."""

Matrix = npt.NDArray[np.float64]


def scores_of(estimator: Any, X: Matrix) -> Matrix:
    """Return [n] numbers for encoded features [n, k]: probabilities of label 1, or predicted values of a numeric label.

    No rows give no scores. Parts of our own score themselves.

    Raises
    ------
    BundleError
        The features are not as many as the estimator was fitted on, or the estimator gives margins and was not
        calibrated.
    """
    _check_width(estimator, X)
    scale = scale_of(estimator)
    if scale == "margin":
        raise BundleError(
            f"a {type(estimator).__name__} gives margins and no probabilities. Train it with "
            "model_training.calibration.method as_needed, sigmoid or isotonic."
        )
    X = within_single_precision(X)
    if not len(X):
        return np.empty(0)
    if isinstance(estimator, Part):
        return estimator.score(X)
    return logistic(outputs_of(estimator, X)) if scale == "log-odds" else outputs_of(estimator, X)


def within_single_precision(X: Matrix) -> Matrix:
    """Return the rows as a contiguous matrix whose numbers single precision can hold."""
    return np.clip(np.ascontiguousarray(X, dtype=np.float64), -LARGEST, LARGEST)


def logistic(log_odds: Matrix) -> Matrix:
    """Return the probabilities of log-odds."""
    from scipy.special import expit

    return np.asarray(expit(log_odds), dtype=np.float64)


def _check_width(estimator: Any, X: Matrix) -> None:
    if X.shape[1] != estimator.n_features_in_:
        raise BundleError(
            f"the estimator takes {estimator.n_features_in_} encoded features, the transformer gives {X.shape[1]}. "
            "They do not belong together: run `dvc repro`."
        )
