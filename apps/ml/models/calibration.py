"""Scores that are probabilities: a curve over the outputs of an estimator, fitted to rows that it had not seen.

The training rows are divided into folds; each fold is scored by an estimator that was fitted to the others. The curve
is fitted to these scores, and the estimator again to all training rows. Validation and test rows have no part in it,
other than that early stopping watches the validation rows in every fit.
"""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.fitting import Fit, Fitted
from apps.ml.models.folds import folds_of, rows_at
from apps.ml.models.outputs import outputs_of
from apps.ml.models.parts.calibrated import Calibrated, Curve, Isotonic, Sigmoid
from apps.ml.models.scoring import within_single_precision
from apps.ml.parameters import Calibration

Numbers = npt.NDArray[np.float64]
Method = Literal["none", "sigmoid", "isotonic"]

NEWTON_STEPS = 100
NEWTON_STEP = 1e-10
"""Smallest step that goes on."""

RIDGE = 1e-12
"""Added to the curvature, so that outputs that do not vary give a level curve."""


def method_for(entry: EstimatorEntry, calibration: Calibration, task: Task) -> Method:
    """Return how the scores of an estimator are calibrated: what is configured, `as_needed` made plain."""
    if task != CLASSIFICATION:
        return "none"
    if calibration.method == "as_needed":
        return "none" if entry.gives_probabilities else "sigmoid"
    return calibration.method


def fit_calibrated(entry: EstimatorEntry, options: Any, fit: Fit, calibration: Calibration) -> Fitted:
    """Fit an estimator of the catalogue so that its scores are what `calibration` promises.

    Returns
    -------
    Fitted
        Fitted to all training rows, with the rounds of that fit. `converged` speaks of this fit and those of the
        folds. Progress counts fits where there are several.

    Raises
    ------
    DataError
        A class has fewer than two different training rows.
    """
    method = method_for(entry, calibration, fit.task)
    if method == "none":
        return entry.fit(options, fit)
    outputs, converged = np.empty(len(fit.train)), True
    folds = list(folds_of(fit.train, calibration.folds, fit.seed, fit.task, "model_training.calibration.folds"))
    quiet = replace(fit, report=_silent)
    for done, (seen, unseen) in enumerate(folds, start=1):
        part = entry.fit(options, replace(quiet, train=rows_at(fit.train, seen)))
        outputs[unseen] = outputs_of(part.estimator, within_single_precision(fit.train.X[unseen]))
        converged = converged and part.converged
        fit.report(done, len(folds) + 1, None)
    curve = fitted_curve(method, outputs, np.asarray(fit.train.labels, dtype=np.float64), fit.train.weights)
    whole = entry.fit(options, quiet)
    fit.report(len(folds) + 1, len(folds) + 1, None)
    return Fitted(Calibrated(whole.estimator, curve), whole.rounds, whole.converged and converged)


def fitted_curve(
    method: Literal["sigmoid", "isotonic"], outputs: Numbers, labels: Numbers, weights: Numbers | None = None
) -> Curve:
    """Fit a curve to outputs [n] and labels [n] of 0 and 1; weights [n], None: all rows count alike.

    `sigmoid`: Platt's, with his targets (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2) in place of 1 and 0, N by weight; the slope is
    0 where it would turn the order of the rows. `isotonic`: the least squares fit that does not fall.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines, Advances in Large Margin Classifiers; Lin, Lin,
    Weng (2007), A note on Platt's probabilistic outputs, Machine Learning 68 (Newton's method); Niculescu-Mizil and
    Caruana (2005), Predicting good probabilities with supervised learning, ICML (both curves, also over the mean
    probabilities of forests); Zadrozny and Elkan (2002), KDD (isotonic).
    """
    share = np.ones(len(outputs)) if weights is None else weights
    return _sigmoid(outputs, labels, share) if method == "sigmoid" else _isotonic(outputs, labels, share)


def _sigmoid(outputs: Numbers, labels: Numbers, weights: Numbers) -> Sigmoid:
    positive, negative = float(np.sum(weights * labels)), float(np.sum(weights * (1.0 - labels)))
    targets = np.where(labels == 1, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))
    mean, deviation = float(np.mean(outputs)), float(np.std(outputs)) or 1.0
    standard = (outputs - mean) / deviation
    slope, level = _newton(np.column_stack([standard, np.ones(len(outputs))]), targets, weights)
    if slope < 0.0:
        slope, level = 0.0, _newton(np.ones((len(outputs), 1)), targets, weights)[0]
    return Sigmoid(float(slope / deviation), float(level - slope * mean / deviation))


def _newton(X: Numbers, targets: Numbers, weights: Numbers) -> Numbers:
    """Return the parameters [p] that minimise the weighted log loss of the log-odds X p against targets in (0, 1)."""
    from scipy.special import expit

    def loss(parameters: Numbers) -> float:
        z = np.sum(X * parameters, axis=1)
        return float(np.sum(weights * (np.logaddexp(0.0, z) - targets * z)))

    found = np.zeros(X.shape[1])
    lowest = loss(found)
    for _ in range(NEWTON_STEPS):
        expected = expit(np.sum(X * found, axis=1))
        gradient = np.sum(X * (weights * (expected - targets))[:, None], axis=0)
        curvature = np.einsum("ni,nj,n->ij", X, X, weights * expected * (1.0 - expected)) + RIDGE * np.eye(X.shape[1])
        step = np.linalg.solve(curvature, gradient)
        while loss(found - step) > lowest and np.abs(step).max() > NEWTON_STEP:
            step = step / 2.0
        if np.abs(step).max() <= NEWTON_STEP:
            break
        found = found - step
        lowest = loss(found)
    return found


def _isotonic(outputs: Numbers, labels: Numbers, weights: Numbers) -> Isotonic:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(outputs, labels, weights)
    return Isotonic(tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))


def _silent(done: int, total: int, loss: float | None) -> None:
    """Report nothing."""
