"""Folds of training rows, so that a row can be scored by a model that has not seen it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.errors import DataError
from apps.ml.models.fitting import Rows

Positions = npt.NDArray[np.intp]


def folds_of(rows: Rows, folds: int, seed: int, task: Task, key: str) -> Iterator[tuple[Positions, Positions]]:
    """Yield positions to fit on and positions left out; every row is left out once.

    Rows with the same features and label, as resampling makes them, share a fold; classes are spread evenly.

    Parameters
    ----------
    folds
        At most so many; fewer where a class has fewer different rows.
    key
        The key of params.yaml that asks for folds, for errors.

    Raises
    ------
    DataError
        There are fewer than two different rows, of either class where there are classes.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    first, which = _distinct(rows)
    labels = np.asarray(rows.labels)[first]
    fewest = min(int(np.sum(labels == 0)), int(np.sum(labels == 1))) if task == CLASSIFICATION else len(labels)
    if fewest < 2:
        raise DataError(
            f"{key} divides {len(rows)} training rows, among which there are {fewest} different ones"
            f"{' of one class' if task == CLASSIFICATION else ''}; expected at least two. Give `train` a larger "
            "share, or keep columns that tell its rows apart."
        )
    kind = StratifiedKFold if task == CLASSIFICATION else KFold
    splitter = kind(min(folds, fewest), shuffle=True, random_state=seed)
    for _, left_out in splitter.split(np.zeros((len(labels), 1)), labels):
        out = np.isin(which, left_out)
        yield np.flatnonzero(~out), np.flatnonzero(out)


def rows_at(rows: Rows, positions: Positions) -> Rows:
    """Return some of the rows."""
    weights = None if rows.weights is None else rows.weights[positions]
    return Rows(rows.X[positions], rows.labels[positions], weights)


def _distinct(rows: Rows) -> tuple[Positions, Positions]:
    """Return where each different row stands first, in order, and for every row which of these it is."""
    labels = np.asarray(rows.labels, dtype=np.float64)
    labelled = np.ascontiguousarray(np.column_stack([rows.X, labels]) + 0.0)
    as_bytes = labelled.view([("row", np.void, labelled.shape[1] * labelled.itemsize)]).ravel()
    _, first, which = np.unique(as_bytes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[which]
