"""What a fitted estimator computes before its output becomes a score: the scale on which it adds up.

A row gets the same number alone and among others, to the last bit, and from one thread: for a few rows, waiting for
other threads takes longer than the work. Linear estimators are summed row by row, networks and support vectors multiply
row by row, forests are asked tree by tree past the checks that scikit-learn repeats for each tree. Support vectors and
networks are evaluated here from their numbers, so that native code follows none from a file.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from apps.ml.models.parts.part import Part
from apps.ml.models.row_products import row_products

Matrix = npt.NDArray[np.float64]
Scale = Literal["margin", "log-odds", "probability", "value"]

SURE = 1e-12
"""Probabilities are kept this far from 0 and 1 before their log-odds are taken."""

KERNEL_NUMBERS = 100_000
"""Kernel values that are held at once: what a processor keeps near; with 32 MB it takes five times as long."""


def scale_of(estimator: Any) -> Scale:
    """Return the scale of :func:`outputs_of`.

    `margin`: a distance from the decision boundary, no probability. `log-odds`, `probability`: of the positive event.
    `value`: the prediction of a numeric label.
    """
    if isinstance(estimator, Part):
        return _scale_of_part(estimator)
    if not hasattr(estimator, "classes_"):
        return "value"
    if not hasattr(estimator, "predict_proba"):
        return "margin"
    return "probability" if hasattr(estimator, "estimators_") else "log-odds"


def outputs_of(estimator: Any, X: Matrix) -> Matrix:
    """Return float64 [n] for encoded features [n, k], contiguous and finite, on the scale of :func:`scale_of`."""
    if isinstance(estimator, Part):
        return _outputs_of_part(estimator, X)
    for feature, compute in _KINDS.items():
        if hasattr(estimator, feature):
            return compute(estimator, X)
    with _openmp_libraries().limit(limits=1):
        found = estimator.decision_function(X) if hasattr(estimator, "classes_") else estimator.predict(X)
    return np.ascontiguousarray(found, dtype=np.float64).ravel()


def log_odds(probabilities: Matrix) -> Matrix:
    """Return the log-odds of probabilities, those of 0 and 1 as of the nearest number that is :data:`SURE` away."""
    kept = np.clip(probabilities, SURE, 1.0 - SURE)
    return np.log(kept) - np.log1p(-kept)


def _scale_of_part(part: Any) -> Scale:
    found: Scale = getattr(part, "contributions_output", "log-odds")
    return found


def _outputs_of_part(part: Any, X: Matrix) -> Matrix:
    if _scale_of_part(part) != "log-odds":
        return np.asarray(part.score(X), dtype=np.float64)
    if hasattr(part, "log_odds"):
        return np.asarray(part.log_odds(X), dtype=np.float64)
    return log_odds(part.score(X))


def _linear(estimator: Any, X: Matrix) -> Matrix:
    weights, intercept = np.ravel(estimator.coef_), float(np.ravel(estimator.intercept_)[0])
    return intercept + np.sum(X * weights, axis=1)


def _mean_of_trees(estimator: Any, X: Matrix) -> Matrix:
    trees: Sequence[Any] = estimator.estimators_
    narrow = X.astype(np.float32)
    total = np.zeros(len(X))
    for tree in trees:
        total += tree.tree_.predict(narrow)[:, -1]
    return total / len(trees)


def _naive_bayes(estimator: Any, X: Matrix) -> Matrix:
    prior = np.log(estimator.class_prior_[1]) - np.log(estimator.class_prior_[0])
    return prior + np.sum(naive_bayes_terms(estimator, X), axis=1)


def naive_bayes_terms(estimator: Any, X: Matrix) -> Matrix:
    """Return float64 [n, k]: what each feature adds to the log-odds of naive Bayes, log N(x|1) − log N(x|0)."""
    means, variances = estimator.theta_, estimator.var_

    def log_density(label: int) -> Matrix:
        spread: Matrix = np.log(variances[label])
        return -0.5 * (spread + (X - means[label]) ** 2 / variances[label])

    return log_density(1) - log_density(0)


def _network(estimator: Any, X: Matrix) -> Matrix:
    """Return the output unit's sum: log-odds of a classifier, the value of a regressor; hidden units are rectified."""
    last = len(estimator.coefs_) - 1
    activations = X
    for layer, (weights, intercepts) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        activations = row_products(activations, weights) + intercepts
        if layer < last:
            activations = np.maximum(activations, 0.0)
    return np.ascontiguousarray(activations[:, 0])


def _support_vectors(estimator: Any, X: Matrix) -> Matrix:
    vectors = estimator.support_vectors_
    weights = np.ravel(estimator.dual_coef_)
    parts = [np.sum(_kernel(estimator, rows, vectors) * weights, axis=1) for rows in _chunks(X, len(vectors))]
    return float(np.ravel(estimator.intercept_)[0]) + np.concatenate(parts)


def _kernel(estimator: Any, X: Matrix, vectors: Matrix) -> Matrix:
    """Return [n, m] similarities of rows and support vectors by the estimator's kernel."""
    products = row_products(X, vectors.T)
    if estimator.kernel == "rbf":
        squares = np.sum(X**2, axis=1)[:, None] + np.einsum("ij,ij->i", vectors, vectors)
        return np.exp(-estimator._gamma * np.maximum(squares - 2.0 * products, 0.0))
    inner = estimator._gamma * products + estimator.coef0
    return np.tanh(inner) if estimator.kernel == "sigmoid" else inner**estimator.degree


def _chunks(X: Matrix, vectors: int) -> Iterator[Matrix]:
    rows = max(1, KERNEL_NUMBERS // max(1, vectors))
    return (X[first : first + rows] for first in range(0, len(X), rows))


@cache
def _openmp_libraries() -> ThreadpoolController:
    """The OpenMP libraries of this process, looked up once, when an estimator has already loaded its own."""
    return ThreadpoolController().select(user_api="openmp")


_KINDS = {
    "coef_": _linear,
    "estimators_": _mean_of_trees,
    "theta_": _naive_bayes,
    "coefs_": _network,
    "support_vectors_": _support_vectors,
}
"""What a fitted estimator of a kind has → how its output is computed."""
