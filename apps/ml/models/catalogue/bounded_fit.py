"""Linear fits whose weights are held to a sign, so that scores move with a feature in one direction only.

The losses are those of the estimators without bounds; SciPy's bounded solvers find their minimum.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.models.fitting import Rows

Matrix = npt.NDArray[np.float64]
Signs = tuple[int, ...]

GRADIENT = 1e-7
"""Largest slope of the mean loss that counts as none."""


@dataclass(frozen=True)
class LinearFit:
    """Weights [k] and intercept, steps that were taken, and whether the solver ended at a minimum."""

    weights: Matrix
    intercept: float
    steps: int
    converged: bool


def bounded_logistic(rows: Rows, C: float, signs: Signs, max_iter: int) -> LinearFit:
    """Minimise Σ wᵢ log(1 + exp(−zᵢ)) + |weights|² / 2C, where no weight has the sign opposite to that in `signs`.

    `signs`: per feature 1, −1 or 0 for either. zᵢ is the log-odds of the label that row i has.

    References
    ----------
    Byrd, Lu, Nocedal, Zhu (1995), A limited memory algorithm for bound constrained optimization, SIAM Journal on
    Scientific Computing 16 (SciPy's L-BFGS-B).
    """
    from scipy.optimize import Bounds, minimize
    from scipy.special import expit

    X, y = rows.X, np.asarray(rows.labels, dtype=np.float64)
    weights = _weights(rows)
    total = float(weights.sum())

    def loss(parameters: Matrix) -> tuple[float, Matrix]:
        w, z = parameters[:-1], X @ parameters[:-1] + parameters[-1]
        value = float(weights @ (np.logaddexp(0.0, z) - y * z)) / total + float(w @ w) / (2.0 * C * total)
        error = weights * (expit(z) - y) / total
        return value, np.append(X.T @ error + w / (C * total), error.sum())

    low, high = _bounds(signs)
    found = minimize(
        loss,
        np.zeros(X.shape[1] + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(np.append(low, -np.inf), np.append(high, np.inf)),
        options={"maxiter": max_iter, "maxfun": 20 * max_iter, "gtol": GRADIENT, "ftol": 0.0, "maxls": 50},
    )
    settled = bool(found.success) or float(np.abs(_free(found.jac, found.x, signs)).max()) < 100 * GRADIENT
    return LinearFit(found.x[:-1], float(found.x[-1]), int(found.nit), settled)


def bounded_ridge(rows: Rows, alpha: float, signs: Signs) -> LinearFit:
    """Minimise Σ wᵢ (yᵢ − intercept − weights · xᵢ)² + alpha |weights|² with signs as :func:`bounded_logistic`.

    References
    ----------
    Stark and Parker (1995), Bounded-variable least-squares, Computational Statistics 10 (SciPy's `lsq_linear`).
    """
    from scipy.linalg import cholesky, solve_triangular
    from scipy.optimize import lsq_linear

    share = _weights(rows)
    means, mean = np.average(rows.X, axis=0, weights=share), float(np.average(rows.labels, weights=share))
    X, y = rows.X - means, rows.labels - mean
    factor = cholesky(X.T @ (X * share[:, None]) + alpha * np.eye(X.shape[1]), lower=True)
    target = solve_triangular(factor, X.T @ (share * y), lower=True)
    found = lsq_linear(factor.T, target, bounds=_bounds(signs), method="bvls")
    return LinearFit(found.x, mean - float(means @ found.x), int(found.nit), bool(found.success))


def _weights(rows: Rows) -> Matrix:
    return np.ones(len(rows)) if rows.weights is None else rows.weights


def _bounds(signs: Signs) -> tuple[Matrix, Matrix]:
    steps = np.array(signs)
    return np.where(steps > 0, 0.0, -np.inf), np.where(steps < 0, 0.0, np.inf)


def _free(gradient: Matrix, parameters: Matrix, signs: Signs) -> Matrix:
    """Return the slope without what pushes against a bound."""
    pushes = np.append(np.array(signs) * gradient[:-1] > 0, False)
    return np.where(pushes & (parameters == 0.0), 0.0, gradient)
