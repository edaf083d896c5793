"""Linear estimators: logistic regression, and least squares for numeric labels."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from apps.ml.data.processed import REGRESSION
from apps.ml.models.catalogue.bounded_fit import LinearFit, bounded_logistic, bounded_ridge
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.fitting import Fit, Fitted, fit_at_once, single_threaded
from apps.ml.parameters.estimators import LinearRegressionOptions, LogisticRegressionOptions


def _logistic_regression(options: LogisticRegressionOptions, fit: Fit) -> Fitted:
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression(C=options.C, max_iter=options.max_iter, random_state=fit.seed)
    if not any(fit.monotone):
        return fit_at_once(estimator, fit)
    with single_threaded():
        found = bounded_logistic(fit.train, options.C, fit.monotone, options.max_iter)
    estimator.classes_ = np.unique(fit.train.labels)
    estimator.n_iter_ = np.array([found.steps], dtype=np.int32)
    return _holding(estimator, found, found.weights[None, :], np.array([found.intercept]))


def _linear_regression(options: LinearRegressionOptions, fit: Fit) -> Fitted:
    from sklearn.linear_model import Ridge

    estimator = Ridge(alpha=options.alpha, random_state=fit.seed)
    if not any(fit.monotone):
        return fit_at_once(estimator, fit)
    with single_threaded():
        found = bounded_ridge(fit.train, options.alpha, fit.monotone)
    return _holding(estimator, found, found.weights, found.intercept)


def _holding(estimator: Any, found: LinearFit, weights: Any, intercept: Any) -> Fitted:
    estimator.coef_, estimator.intercept_ = weights, intercept
    estimator.n_features_in_ = len(found.weights)
    return Fitted(estimator, converged=found.converged)


ENTRIES: Mapping[str, EstimatorEntry] = MappingProxyType(
    {
        "logistic_regression": EstimatorEntry(
            "Logistic regression",
            _logistic_regression,
            takes_monotone=True,
            stored_types=("sklearn.linear_model._logistic.LogisticRegression",),
        ),
        "linear_regression": EstimatorEntry(
            "Linear regression (L2)",
            _linear_regression,
            tasks=(REGRESSION,),
            takes_monotone=True,
            stored_types=("sklearn.linear_model._ridge.Ridge",),
        ),
    }
)
"""Name in params.yaml → entry."""
