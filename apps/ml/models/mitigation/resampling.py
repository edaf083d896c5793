"""Resampling: rows repeated or left out until group and label are independent, for estimators that take no weights.

`both` keeps the number of rows: cells of group × label that are too small are filled with copies, too large ones lose
rows. `over` only copies, `under` only leaves out; the table that comes out is as small, or as large, as that allows.
The rows of a cell are used as evenly as possible: none a third time before all were used twice.

References
----------
Kamiran and Calders (2012), Data preprocessing techniques for classification without discrimination, Knowledge and
Information Systems 33, section 5.3 (uniform sampling).
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from apps.ml.models.folds import rows_at
from apps.ml.models.mitigation.cells import Cells, count_cells, places
from apps.ml.models.mitigation.facts import facts_of
from apps.ml.models.mitigation.request import Codes, Mitigated, MitigationRequest, Numbers
from apps.ml.parameters.mitigation import ResamplingOptions

Draw = Literal["over", "under", "both"]


def resampled(request: MitigationRequest) -> Mitigated:
    """Fit the estimator on drawn rows; the validation rows that early stopping watches are drawn by the same factors.

    Weights of `class_weight` stay with their rows.
    """
    options: ResamplingOptions = request.options
    groups = len(request.group.groups)
    cells = count_cells(request.train_codes, request.train.labels, groups)
    targets = target_sizes(cells, options.draw)
    factors = np.divide(targets, cells.rows, out=np.ones(targets.shape), where=cells.rows > 0)
    train = rows_at(request.train, drawn_rows(request.train_codes, request.train.labels, targets, request.seed))
    watched = count_cells(request.validation_codes, request.validation.labels, groups)
    wanted = np.maximum(np.rint(factors * watched.rows).astype(np.int64), np.minimum(watched.rows, 1))
    chosen = drawn_rows(request.validation_codes, request.validation.labels, wanted, request.seed)
    fitted = request.fit(train, rows_at(request.validation, chosen))
    return Mitigated.of(
        fitted,
        fits=1,
        rows_before=len(request.train),
        rows_after=len(train),
        rows_by_group_and_label=_by_name(request, cells.rows),
        drawn_by_group_and_label=_by_name(request, targets),
        empty_cells=int(np.sum((cells.rows == 0) & (cells.expected > 0))),
        **facts_of(request, fitted.estimator),
    )


def target_sizes(cells: Cells, draw: Draw) -> npt.NDArray[np.int64]:
    """Return int64 [groups + 1, 2]: how many rows of each cell are drawn, at least one of each cell that has rows.

    A multiple of the expected sizes: by 1 (`both`), by the smallest number with which no cell loses a row (`over`), or
    the largest with which none gains one (`under`). A cell without rows stays empty: nothing can be copied.

    Examples
    --------
    Cells of 3, 1 | 1, 3 rows (group | label 1, 0), expected 2 each. `both`: 2, 2 | 2, 2; `over`: 3 each; `under`: 1.
    """
    present = cells.rows > 0
    ratios = cells.rows[present] / cells.expected[present]
    factor = {"both": 1.0, "over": float(ratios.max()), "under": float(ratios.min())}[draw]
    sizes = np.maximum(np.rint(factor * cells.expected), 1.0)
    return np.where(present, sizes, 0.0).astype(np.int64)


def drawn_rows(
    codes: Codes, labels: npt.NDArray[np.int8] | Numbers, targets: npt.NDArray[np.int64], seed: int
) -> npt.NDArray[np.int64]:
    """Return int64 [m], ascending: the positions of the drawn rows, each as often as it was drawn.

    The same rows and seed give the same draw.
    """
    random = np.random.default_rng(seed)
    cell = places(codes, labels)
    found = [_evenly(np.flatnonzero(cell == place), int(size), random) for place, size in enumerate(targets.ravel())]
    return np.sort(np.concatenate(found)).astype(np.int64)


def _evenly(rows: npt.NDArray[np.int64], size: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Every row as often as it goes into `size`, the rest drawn without repetition."""
    if not len(rows):
        return rows
    times, rest = divmod(size, len(rows))
    return np.concatenate([np.repeat(rows, times), random.choice(rows, rest, replace=False)])


def _by_name(request: MitigationRequest, sizes: npt.NDArray[np.int64]) -> dict[str, list[int]]:
    names = ("unknown", *request.group.groups)
    return {name: [int(size) for size in row] for name, row in zip(names, sizes, strict=True)}
