"""What fairlearn's reductions are given: a constraint that compares known groups only, and the configured estimator.

A reduction turns a constraint into costs: rows get the label that is cheaper for the moment and its cost as weight, and
any estimator that takes weights is fitted on them. fairlearn sees the numbers of rows in place of their features.

References
----------
Agarwal, Beygelzimer, Dudík, Langford, Wallach (2018), "A Reductions Approach to Fair Classification", ICML.
"""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION
from apps.ml.models.fitting import Fitted, Rows
from apps.ml.models.mitigation.facts import bits
from apps.ml.models.mitigation.request import MitigationRequest, Numbers
from apps.ml.models.parts.constant import Constant
from apps.ml.parameters import Constraint

HALF = 0.5
"""Above it the more expensive mistake is avoided: relabelled rows carry their costs as weights."""


def row_numbers(request: MitigationRequest) -> npt.NDArray[np.int64]:
    """Return int64 [n, 1]: what fairlearn takes for the features of the training rows."""
    return np.arange(len(request.train), dtype=np.int64)[:, None]


def group_numbers(request: MitigationRequest) -> npt.NDArray[np.int64]:
    """Return int64 [n] groups for fairlearn: unknown ones are put into the first group and kept out of each event."""
    return np.maximum(request.train_codes, 0)


def parity_moment(request: MitigationRequest, bound: float) -> Any:
    """Return fairlearn's constraint on differences, `bound` wide around the rate of all rows whose group is known.

    Rows of unknown groups count in the error and in no constraint. `class_weight` becomes the costs of both errors.
    """
    from fairlearn.reductions import ErrorRate, UtilityParity

    class KnownGroupsParity(UtilityParity):
        """Parity of the rates of a constraint between known groups."""

        def load_data(self, X: Any, y: Any, *, sensitive_features: Any) -> None:
            import pandas as pd

            events = pd.Series(event_names(request.parameters.constraint, np.asarray(y), request.train_codes))
            super().load_data(X, pd.Series(y), sensitive_features=pd.Series(sensitive_features), event=events)

        def default_objective(self) -> Any:
            return ErrorRate(costs=_costs(request))

    return KnownGroupsParity(difference_bound=bound)


def event_names(
    constraint: Constraint, labels: npt.NDArray[Any], codes: npt.NDArray[np.int64]
) -> npt.NDArray[np.object_]:
    """Return [n]: the event of each row within which groups are compared, None for a row of no comparison."""
    if constraint == "demographic_parity":
        names = np.full(len(labels), "all", dtype=object)
    else:
        names = np.where(np.asarray(labels) == 1, "label=1", "label=0").astype(object)
    if constraint == "equal_opportunity":
        names[np.asarray(labels) != 1] = None
    names[codes < 0] = None
    return cast("npt.NDArray[np.object_]", names)


def _costs(request: MitigationRequest) -> dict[str, float] | None:
    if request.train.weights is None:
        return None
    labels = bits(request.train.labels)
    return {name: float(request.train.weights[labels == label][0]) for name, label in (("fp", 0), ("fn", 1))}


class Relabelled:
    """The configured estimator as fairlearn's reductions know one: `fit` with weights and `predict`, by row numbers.

    Every distinct fit is made once. `fits` counts them; it is shared by all copies that fairlearn makes.
    """

    def __init__(self, request: MitigationRequest, done: dict[bytes, tuple[Fitted, Numbers]] | None = None) -> None:
        self._request = request
        self._done: dict[bytes, tuple[Fitted, Numbers]] = {} if done is None else done
        self.fitted = Fitted(None)
        self._scores: Numbers = np.empty(0)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Relabelled":
        return Relabelled(self._request, self._done)

    @property
    def fits(self) -> int:
        """Number of distinct fits so far."""
        return len(self._done)

    def fit(self, X: Any, y: Any, sample_weight: Any) -> "Relabelled":  # noqa: ARG002 (always all training rows)
        """Fit on the training rows with other labels and weights; rows without weight are left out."""
        labels = np.asarray(y).astype(self._request.train.labels.dtype)
        weights = np.asarray(sample_weight, dtype=np.float64)
        key = hashlib.sha256(labels.tobytes() + weights.tobytes()).digest()
        if key not in self._done:
            fitted = self._fitted(labels, weights)
            self._done[key] = fitted, self._request.score(fitted.estimator, self._request.train.X)
        self.fitted, self._scores = self._done[key]
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return [n] labels of 0 and 1, or predicted values, for row numbers [n, 1]."""
        scores = self._scores[np.asarray(X).ravel().astype(np.int64)]
        return (scores >= HALF).astype(np.int64) if self._request.task == CLASSIFICATION else scores

    def _fitted(self, labels: npt.NDArray[Any], weights: Numbers) -> Fitted:
        counted = weights > 0
        if self._request.task == CLASSIFICATION and len(np.unique(labels[counted])) == 1:
            return Fitted(Constant(float(labels[counted][0]), self._request.train.X.shape[1]))
        train = Rows(self._request.train.X[counted], labels[counted], weights[counted])
        return self._request.fit(train, self._watched(labels, weights))

    def _watched(self, labels: npt.NDArray[Any], weights: Numbers) -> Rows:
        """Validation rows with the labels and weights that training rows of the same group and label were given.

        Those without weight are left out; where none has any, all count alike.
        """
        request = self._request
        train, validation = _kinds(request)
        new_labels = request.validation.labels.copy()
        new_weights = np.ones(len(request.validation))
        for kind in np.unique(train):
            first, rows = int(np.argmax(train == kind)), validation == kind
            new_weights[rows] = weights[first]
            if request.task == CLASSIFICATION:
                new_labels[rows] = labels[first]
        if not (new_weights > 0).any():
            new_weights = np.ones(len(new_weights))
        counted = new_weights > 0
        return Rows(request.validation.X[counted], new_labels[counted], new_weights[counted])


def _kinds(request: MitigationRequest) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Numbers of the cells within which a reduction treats all rows alike, of training and of validation rows."""
    if request.task != CLASSIFICATION:
        return request.train_codes, request.validation_codes
    train = 2 * request.train_codes + bits(request.train.labels)
    return train, 2 * request.validation_codes + bits(request.validation.labels)


def exported(predictor: Any, request: MitigationRequest) -> Fitted:
    """Return the fitted estimator of a predictor of fairlearn's; one label for all rows becomes a constant."""
    if isinstance(predictor, Relabelled):
        return predictor.fitted
    return Fitted(Constant(float(np.ravel(predictor.constant)[0]), request.train.X.shape[1]))


@contextmanager
def fairlearn_warnings() -> Iterator[None]:
    """Keep warnings about pandas' coming versions that fairlearn's own code causes from the caller."""
    from pandas.errors import Pandas4Warning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"fairlearn\.", category=Pandas4Warning)
        yield
