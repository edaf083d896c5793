"""Scores of a fitted estimator: a row gets the same score alone and among others, to the last bit."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from apps.ml.errors import BundleError
from apps.ml.models.parts.part import Part

LARGEST = float(np.finfo(np.float32).max)
"""scikit-learn's forests compare in float32 and refuse more; a larger value lies beyond every split anyway."""

Matrix = npt.NDArray[np.float64]


def scores_of(estimator: Any, X: Matrix) -> Matrix:
    """Return [n] numbers for encoded features [n, k]: probabilities of label 1, or predicted values of a numeric label.

    No rows give no scores. Parts of our own score themselves.

    A linear estimator is summed row by row: the matrix product of many rows adds in another order than that of one. A
    forest is asked tree by tree, past the checks that scikit-learn repeats for each tree. Everything runs on one
    thread: for a few rows, waiting for other threads takes longer than the work.

    Raises
    ------
    BundleError
        The features are not as many as the estimator was fitted on.
    """
    _check_width(estimator, X)
    X = np.clip(np.ascontiguousarray(X, dtype=np.float64), -LARGEST, LARGEST)
    if not len(X):
        return np.empty(0)
    if isinstance(estimator, Part):
        return estimator.score(X)
    if not hasattr(estimator, "predict_proba"):
        return _predicted(estimator, X)
    if hasattr(estimator, "coef_"):
        return _logistic(estimator.intercept_[0] + np.sum(X * estimator.coef_[0], axis=1))
    if hasattr(estimator, "estimators_"):
        return _mean_of_trees(estimator.estimators_, X)
    with _openmp_libraries().limit(limits=1):
        return np.ascontiguousarray(estimator.predict_proba(X)[:, 1], dtype=np.float64)


def _predicted(estimator: Any, X: Matrix) -> Matrix:
    with _openmp_libraries().limit(limits=1):
        return np.ascontiguousarray(estimator.predict(X), dtype=np.float64).ravel()


def _check_width(estimator: Any, X: Matrix) -> None:
    if X.shape[1] != estimator.n_features_in_:
        raise BundleError(
            f"the estimator takes {estimator.n_features_in_} encoded features, the transformer gives {X.shape[1]}. "
            "They do not belong together: run `dvc repro`."
        )


def _mean_of_trees(trees: Sequence[Any], X: Matrix) -> Matrix:
    narrow = X.astype(np.float32)
    total = np.zeros(len(X))
    for tree in trees:
        total += tree.tree_.predict(narrow)[:, 1]
    return total / len(trees)


@cache
def _openmp_libraries() -> ThreadpoolController:
    """The OpenMP libraries of this process, looked up once, when an estimator has already loaded its own."""
    return ThreadpoolController().select(user_api="openmp")


def _logistic(log_odds: Matrix) -> Matrix:
    from scipy.special import expit

    return np.asarray(expit(log_odds), dtype=np.float64)
