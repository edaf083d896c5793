"""Reweighing: weights that make group and label independent among the training rows."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from apps.ml.models.fitting import Rows
from apps.ml.models.mitigation.cells import Cells, count_cells, places
from apps.ml.models.mitigation.facts import facts_of
from apps.ml.models.mitigation.request import Codes, Mitigated, MitigationRequest, Numbers


def reweighed(request: MitigationRequest) -> Mitigated:
    """Fit the estimator on weighted rows.

    Weights multiply those of `class_weight`, which depend on the label alone: group and label stay independent. The
    validation rows that early stopping watches carry the weights of the training rows' cells, so that the loss which
    decides when to stop is the loss that is minimised; a cell that no training row is in counts once.
    """
    groups = len(request.group.groups)
    cells = count_cells(request.train_codes, request.train.labels, groups)
    table = weight_table(cells)
    train = _weighted(request.train, request.train_codes, table)
    fitted = request.fit(train, _weighted(request.validation, request.validation_codes, table))
    names = ("unknown", *request.group.groups)
    weights = {name: [float(weight) for weight in row] for name, row in zip(names, table, strict=True)}
    empty = int(np.sum((cells.rows == 0) & (cells.expected > 0)))
    return Mitigated.of(
        fitted, fits=1, weights_by_group_and_label=weights, empty_cells=empty, **facts_of(request, fitted.estimator)
    )


def reweighing_weights(codes: Codes, labels: npt.NDArray[np.int8] | Numbers) -> Numbers:
    """Return float64 [n]: w(a, y) = P(a) P(y) / P(a, y), counted over these rows, so that they sum to n.

    Codes are -1 and above. The sum is below n where a group has no row of a label that others have.

    References
    ----------
    Kamiran and Calders (2012), Data preprocessing techniques for classification without discrimination, Knowledge and
    Information Systems 33.

    Examples
    --------
    Group 0 with the labels 1, 1, 1, 0 and group 1 with 1, 0, 0, 0: half of all rows have label 1, so each cell should
    hold 2 of the 8 rows. The cells of 3 rows get 2/3, the cells of one row get 2.
    """
    found = np.asarray(codes, dtype=np.int64)
    groups = int(found.max(initial=-1)) + 1
    weights: Numbers = weight_table(count_cells(found, labels, groups)).ravel()[places(found, labels)]
    return weights


def weight_table(cells: Cells) -> Numbers:
    """Return float64 [groups + 1, 2]: the weight of a row of each cell; 1 for a cell without rows."""
    return np.divide(cells.expected, cells.rows, out=np.ones(cells.rows.shape), where=cells.rows > 0)


def _weighted(rows: Rows, codes: Codes, table: Numbers) -> Rows:
    weights = table.ravel()[places(codes, rows.labels)]
    return replace(rows, weights=weights if rows.weights is None else weights * rows.weights)
