"""Scores of rows by models that had not seen them: folds of the training rows, and the validation rows.

What a model says of the rows it was fitted to is more certain than what it says of others; rules that are calibrated on
such scores do not hold for anybody else. Validation rows alone are few. So each fold of the training rows is scored by
a model fitted to the other folds; early stopping watches it on the validation rows, as it does the model that is kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from apps.ml.models.fitting import Fitted, Rows
from apps.ml.models.folds import rows_at
from apps.ml.models.mitigation.gaps import Bits
from apps.ml.models.mitigation.request import Codes, MitigationRequest, Numbers

VALIDATION = -1
"""Fold of the validation rows."""


@dataclass(frozen=True)
class HeldOut:
    """Rows with a score of a model that had not seen them.

    `X` float64 [n, k], `labels` int8 [n], `codes` int64 [n] (below 0: unknown group), `scores` float64 [n]. `fold`:
    int64 [n], the fold of a training row, -1 for a validation row. `weights`: float64 [2], the mean weight of a row of
    label 0 and of label 1.
    """

    X: Numbers
    labels: Bits
    codes: Codes
    scores: Numbers
    fold: npt.NDArray[np.int64]
    weights: Numbers

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, chosen: npt.NDArray[np.bool_]) -> "HeldOut":
        """Return the rows where `chosen` [n] is true."""
        labels, codes, fold = self.labels[chosen], self.codes[chosen], self.fold[chosen]
        return HeldOut(self.X[chosen], labels, codes, self.scores[chosen], fold, self.weights)


@dataclass(frozen=True)
class CrossFit:
    """`training` and `validation` rows with scores of models that had not seen them.

    `training` is empty without folds. `siblings`: float64 [folds, validation rows], the validation rows' scores by the
    model of each fold: how far scores hang on the rows that a model happened to see.
    """

    training: HeldOut
    validation: HeldOut
    siblings: Numbers

    @property
    def rows(self) -> HeldOut:
        """All rows, training rows first."""
        return joined(self.training, self.validation)


FitAt = Callable[[npt.NDArray[np.intp]], Fitted]
"""Fits to the training rows at given positions."""


def cross_fit(request: MitigationRequest, fitted: Fitted, folds: int, fit_at: FitAt | None = None) -> CrossFit:
    """Score the validation rows with the model that is kept, and training rows with models of other folds.

    Parameters
    ----------
    fitted
        The model that is kept, fitted to all training rows.
    folds
        0: validation rows only.
    fit_at
        Fits the models of the folds as the one that is kept was; None: the configured estimator.
    """
    rows, watched = request.train, request.validation
    fit = fit_at or (lambda positions: request.fit(rows_at(rows, positions), watched))
    labels = [np.asarray(part.labels).astype(np.int8) for part in (rows, watched)]
    weights = mean_weights(rows)
    fold = fold_of(request.train_codes, labels[0], folds, request.seed) if folds else np.full(len(rows), VALIDATION)
    scores, siblings = np.full(len(rows), np.nan), np.empty((folds, len(watched)))
    for number, (seen, unseen) in enumerate(splits(fold)):
        part = fit(seen)
        scores[unseen] = request.score(part.estimator, rows.X[unseen])
        siblings[number] = request.score(part.estimator, watched.X)
    training = HeldOut(rows.X, labels[0], request.train_codes, scores, fold, weights)
    of_kept = request.score(fitted.estimator, watched.X)
    outside = np.full(len(watched), VALIDATION)
    validation = HeldOut(watched.X, labels[1], request.validation_codes, of_kept, outside, weights)
    return CrossFit(training.only(fold != VALIDATION), validation, siblings)


def joined(first: HeldOut, second: HeldOut) -> HeldOut:
    """Put rows of one after those of the other."""
    names = ("X", "labels", "codes", "scores", "fold")
    parts = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    return replace(first, **parts)


def fold_of(codes: Codes, labels: Bits, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Return int64 [n] from 0 to folds - 1: every group's rows of each label are spread evenly.

    The division does not depend on how the groups are numbered.
    """
    drawn = np.random.default_rng(seed).random(len(labels))
    fold = np.empty(len(labels), dtype=np.int64)
    cells = 2 * np.asarray(codes, dtype=np.int64) + np.asarray(labels)
    for cell in np.unique(cells):
        rows = np.flatnonzero(cells == cell)
        fold[rows[np.argsort(drawn[rows], kind="stable")]] = np.arange(len(rows)) % folds
    return fold


def splits(fold: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield, fold by fold, the positions of the rows to fit to and of the rows left out; nothing without folds."""
    for number in range(int(fold.max(initial=VALIDATION)) + 1):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def mean_weights(rows: Rows) -> Numbers:
    """Return float64 [2]: the mean weight of the rows of label 0 and of label 1, one where rows have none."""
    if rows.weights is None:
        return np.ones(2)
    return np.array([float(np.mean(rows.weights[np.asarray(rows.labels) == label])) for label in (0, 1)])
