"""Reweighing: weights that make group and label independent among the training rows."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from apps.ml.models.mitigation.request import Codes, Mitigated, MitigationRequest, Numbers


def reweighed(request: MitigationRequest) -> Mitigated:
    """Fit the estimator on weighted rows; validation rows are weighted by the same table for early stopping."""
    weights = reweighing_weights(request.train_codes, request.train.labels)
    own = request.train.weights
    train = replace(request.train, weights=weights if own is None else weights * own)
    return Mitigated.of(request.fit(train, request.validation))


def reweighing_weights(codes: Codes, labels: npt.NDArray[np.int8] | Numbers) -> Numbers:
    """Return float64 [n]: w(a, y) = P(a) P(y) / P(a, y), counted over these rows, so that they sum to n.

    References
    ----------
    Kamiran and Calders (2012), Data preprocessing techniques for classification without discrimination, Knowledge and
    Information Systems 33.
    """
    groups, group = np.unique(codes, return_inverse=True)
    y = np.asarray(labels).astype(np.int64)
    cells = np.bincount(2 * group + y, minlength=2 * len(groups)).reshape(-1, 2)
    expected = cells.sum(axis=1, keepdims=True) * cells.sum(axis=0, keepdims=True) / cells.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.where(cells > 0, expected / cells, 0.0)
    weights: Numbers = table[group, y]
    return weights
