"""How estimators are fitted: at once, in parts, or in rounds that stop when the validation loss stops improving.

Every fit runs on one thread: sums in another order give other last digits, and stored thread counts other bytes.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.models.parts.boosted_trees import BoostedTrees
from apps.ml.parameters import EarlyStopping

FOREST_PART = 25
"""Trees grown between two reports of progress."""

Report = Callable[[int, int, float | None], None]
"""Called with rounds done, rounds at most, and the validation loss if it is watched."""


@dataclass(frozen=True)
class Rows:
    """Encoded features [n, k], labels [n] and positive weights [n]; None: all rows count alike.

    Labels are int8 of 0 and 1, or float64 where the label is a number. Equal weights are not the same as none:
    scikit-learn's forest then draws its rows in another way.
    """

    X: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int8] | npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Fit:
    """One request to fit. `validation` is only looked at to decide when to stop growing.

    `monotone`: per encoded feature 1, 0 or -1, the direction in which the score may move with it; empty: no limits.
    """

    train: Rows
    validation: Rows
    seed: int
    early_stopping: EarlyStopping
    report: Report
    task: Task = CLASSIFICATION
    monotone: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator with `predict_proba`; `rounds` is None for one that does not grow in rounds."""

    estimator: Any
    rounds: int | None = None
    converged: bool = True


def fit_at_once(estimator: Any, fit: Fit) -> Fitted:
    """Fit a scikit-learn estimator; one that stops at its iteration limit is marked as not converged."""
    from sklearn.exceptions import ConvergenceWarning

    with _single_threaded(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(fit.train.X, fit.train.labels, sample_weight=fit.train.weights)
    unconverged = [warning for warning in caught if issubclass(warning.category, ConvergenceWarning)]
    for warning in caught:
        if warning not in unconverged:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return Fitted(estimator, converged=not unconverged)


def fit_forest(forest: Any, fit: Fit) -> Fitted:
    """Grow a random forest in parts so that progress can be shown; the trees are those of a fit at once."""
    total = forest.n_estimators
    forest.set_params(warm_start=True)
    with _single_threaded():
        for trees in [*range(FOREST_PART, total, FOREST_PART), total]:
            forest.set_params(n_estimators=trees)
            forest.fit(fit.train.X, fit.train.labels, sample_weight=fit.train.weights)
            fit.report(trees, total, None)
    return Fitted(forest.set_params(warm_start=False))


def fit_hist_gradient_boosting(boosting: Any, fit: Fit) -> Fitted:
    """Fit scikit-learn's boosting; with early stopping, only the rounds up to the lowest validation loss remain.

    scikit-learn keeps the rounds that came after the best one, so the best number is fitted again.
    """
    if not fit.early_stopping.enabled:
        return _grow(boosting, fit)
    boosting.set_params(early_stopping=True, n_iter_no_change=fit.early_stopping.rounds, tol=0.0, scoring="loss")
    with _single_threaded():
        boosting.fit(
            fit.train.X,
            fit.train.labels,
            sample_weight=fit.train.weights,
            X_val=fit.validation.X,
            y_val=fit.validation.labels,
            sample_weight_val=fit.validation.weights,
        )
    best = max(1, int(np.argmax(boosting.validation_score_)))
    return _grow(boosting.set_params(early_stopping=False, max_iter=best), fit)


def _grow(boosting: Any, fit: Fit) -> Fitted:
    with _single_threaded():
        boosting.fit(fit.train.X, fit.train.labels, sample_weight=fit.train.weights)
    fit.report(boosting.n_iter_, boosting.max_iter, None)
    return Fitted(boosting, rounds=int(boosting.n_iter_))


def fit_lightgbm(parameters: dict[str, Any], rounds: int, fit: Fit) -> Fitted:
    """Grow LightGBM's trees; with early stopping, only the rounds up to the lowest validation loss remain."""
    import lightgbm

    train = lightgbm.Dataset(fit.train.X, fit.train.labels, weight=fit.train.weights, params=parameters)
    callbacks = [_lightgbm_report(fit.report)]
    validation = []
    if fit.early_stopping.enabled:
        rows = fit.validation
        validation = [lightgbm.Dataset(rows.X, rows.labels, weight=rows.weights, reference=train, params=parameters)]
        callbacks.append(lightgbm.early_stopping(fit.early_stopping.rounds, verbose=False))
    booster = lightgbm.train(parameters, train, rounds, valid_sets=validation, callbacks=callbacks)
    kept = booster.best_iteration if fit.early_stopping.enabled else rounds
    trees = BoostedTrees(booster.model_to_string(num_iteration=kept))
    return Fitted(trees, rounds=trees.rounds)


def _lightgbm_report(report: Report) -> Callable[[Any], None]:
    def tell(environment: Any) -> None:
        losses = [result[2] for result in environment.evaluation_result_list or ()]
        report(environment.iteration + 1, environment.end_iteration, losses[0] if losses else None)

    return tell


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Hold every loaded BLAS and OpenMP library to one thread."""
    with threadpool_limits(limits=1):
        yield
