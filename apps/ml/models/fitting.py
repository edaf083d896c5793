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

    with single_threaded(), warnings.catch_warnings(record=True) as caught:
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
    with single_threaded():
        for trees in [*range(FOREST_PART, total, FOREST_PART), total]:
            forest.set_params(n_estimators=trees)
            forest.fit(fit.train.X, fit.train.labels, sample_weight=fit.train.weights)
            fit.report(trees, total, None)
    return Fitted(forest.set_params(warm_start=False))


@contextmanager
def single_threaded() -> Iterator[None]:
    """Hold every loaded BLAS and OpenMP library to one thread."""
    with threadpool_limits(limits=1):
        yield
