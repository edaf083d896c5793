"""Requests to fit a member of the catalogue to small rows that it can learn from."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.models.catalogue import ESTIMATORS, STORED_TYPES
from apps.ml.models.fitting import Fit, Fitted, Rows
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.models.scoring import scores_of
from apps.ml.models.training import silent
from apps.ml.parameters import EarlyStopping
from apps.ml.parameters.estimators import Estimators
from apps.ml.tests.code.models.learnable_rows import learnable_rows

Matrix = npt.NDArray[np.float64]


def fit_request(
    task: Task = CLASSIFICATION,
    stop_after: int | None = 10,
    weights: Matrix | None = None,
    monotone: tuple[int, ...] = (),
    rows: int = 400,
) -> Fit:
    """Rows to fit, 200 of validation, and early stopping after so many rounds, None: none."""
    train, validation = learnable_rows(rows, 1, task), learnable_rows(200, 2, task)
    equal = None if weights is None else np.ones(200)
    return Fit(
        Rows(train.X, train.labels, weights),
        Rows(validation.X, validation.labels, equal),
        seed=7,
        early_stopping=EarlyStopping(enabled=stop_after is not None, rounds=stop_after or 1),
        report=silent,
        task=task,
        monotone=monotone,
    )


def fitted(name: str, options: dict[str, Any], request: Fit) -> Fitted:
    """Fit one estimator with some options."""
    chosen = Estimators.model_validate({name: options})
    return ESTIMATORS[name].fit(getattr(chosen, name), request)


def loss_of(request: Fit, scores: Matrix) -> float:
    """Mean loss of scores of the validation rows."""
    labels = request.validation.labels
    if request.task != CLASSIFICATION:
        return float(np.mean((scores - labels) ** 2))
    return float(-np.mean(np.where(labels == 1, np.log(scores), np.log1p(-scores))))


def is_scored_alone_as_among_others(part: Any, X: Matrix) -> bool:
    """Whether each row gets the same score, to the last bit, in a matrix of its own."""
    alone = [float(scores_of(part, X[row : row + 1])[0]) for row in range(len(X))]
    return alone == scores_of(part, X).tolist()


def written_and_read(folder: Path, part: Any) -> Any:
    """Write a part, read it, and check that what was read writes the same bytes."""
    for name in ("first", "second"):
        shutil.rmtree(folder / name, ignore_errors=True)
    write_part(folder / "first", part)
    found = read_part(folder / "first", STORED_TYPES)
    write_part(folder / "second", found)
    assert contents(folder / "first") == contents(folder / "second")
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Relative name → bytes of every file."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
