"""Formulas of scikit-learn's estimators that are a few array operations: those of `models.outputs`, on one row.

The operations and their order are the same, so the bits are; what is saved is looking the estimator over for each row.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.formula import Formula, Score
from apps.ml.models.outputs import outputs_of
from apps.ml.models.row_products import row_products

Matrix = npt.NDArray[np.float64]


def array_formula(estimator: Any) -> Formula | None:
    """Return the formula of `outputs_of(estimator, X)`; None where it is not known here."""
    for feature, bind in _KINDS.items():
        if hasattr(estimator, feature):
            return Formula(bind(estimator), lambda X: outputs_of(estimator, X))
    return None


def _linear(estimator: Any) -> Callable[[Matrix], Score]:
    weights = np.ascontiguousarray(np.ravel(estimator.coef_), dtype=np.float64)
    intercept = float(np.ravel(estimator.intercept_)[0])

    def bind(x: Matrix) -> Score:
        products = np.empty(len(weights))

        def score() -> float:
            return intercept + float(np.add.reduce(np.multiply(x, weights, out=products)))

        return score

    return bind


def _naive_bayes(estimator: Any) -> Callable[[Matrix], Score]:
    prior = float(np.log(estimator.class_prior_[1]) - np.log(estimator.class_prior_[0]))
    means, variances = estimator.theta_, estimator.var_
    spreads = [np.log(variances[0]), np.log(variances[1])]

    def bind(x: Matrix) -> Score:
        def density(label: int) -> Matrix:
            return -0.5 * (spreads[label] + (x - means[label]) ** 2 / variances[label])

        return lambda: prior + float(np.add.reduce(density(1) - density(0)))

    return bind


def _network(estimator: Any) -> Callable[[Matrix], Score]:
    layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    last_weights, last_intercepts = layers[-1]

    def bind(x: Matrix) -> Score:
        row = x[None, :]

        def score() -> float:
            found = row
            for weights, intercepts in layers[:-1]:
                found = np.maximum(row_products(found, weights) + intercepts, 0.0)
            return float((row_products(found, last_weights) + last_intercepts)[0, 0])

        return score

    return bind


_KINDS: dict[str, Callable[[Any], Callable[[Matrix], Score]]] = {
    "coef_": _linear,
    "theta_": _naive_bayes,
    "coefs_": _network,
}
"""What a fitted estimator of a kind has → how its single row is computed; as in `models.outputs`."""
