"""Made-up rows with a known gap between groups, large enough that a rule found on some of them holds for others.

Three features: the first tells of the label, the second of the label and a little of the group, the third is a proxy of
the group. The smaller a group's number, the less often its label is 1, and the less often it is decided 1 where it is.
A tenth of the rows has no known group.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION
from apps.ml.models.group_input import GroupInput
from apps.ml.models.training import TrainedModel, TrainingRows, train, with_codes
from apps.ml.parameters import ModelTraining

NAMES = ("north", "south", "west")
LIGHTGBM = {
    "n_estimators": 60,
    "num_leaves": 7,
    "learning_rate": 0.15,
    "min_child_samples": 30,
    "colsample_bytree": 1.0,
}
SIZES = {"train": 2400, "validation": 900, "fresh": 12_000}


def gap_rows(name: str, groups: int, order: tuple[int, ...] = (0, 1, 2)) -> TrainingRows:
    """The rows of one split; `order`: how the groups are numbered."""
    n = SIZES[name]
    random = np.random.default_rng([sorted(SIZES).index(name), groups])
    group = random.integers(0, groups, n)
    shift = group / (groups - 1)
    X = random.normal(size=(n, 3)) + np.outer(shift, [0.0, 1.0, 1.6])
    odds = 1.6 * X[:, 0] + 1.2 * X[:, 1] + 0.8 * shift - 1.6
    labels = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    codes = np.where(random.random(n) < 0.1, -1, np.array(order)[group])
    return TrainingRows(X, labels, codes.astype(np.int64))


def trained(
    method: str,
    groups: int = 2,
    order: tuple[int, ...] = (0, 1, 2),
    estimator: str = "logistic_regression",
    calibration: str = "as_needed",
    **chosen: Any,
) -> TrainedModel:
    """Train on these rows; `chosen` are keys of `model_training.mitigation`, its options under `options`."""
    own = {method: chosen.pop("options")} if "options" in chosen else {}
    mitigation = {"method": method, "attribute": "region", "tolerance": 0.04, "options": own, **chosen}
    if method == "none":
        mitigation = {}
    content = {
        "estimator": estimator,
        "seed": 3,
        "mitigation": mitigation,
        "estimators": {"lightgbm": LIGHTGBM},
        "calibration": {"method": calibration, "folds": 2},
    }
    rows, watched = gap_rows("train", groups, order), gap_rows("validation", groups, order)
    names = tuple(name for _, name in sorted(zip(order[:groups], NAMES[:groups], strict=True)))
    parameters = ModelTraining.model_validate(content)
    return train(parameters, rows, watched, task=CLASSIFICATION, group=GroupInput("region", names))


def decided(model: TrainedModel, rows: TrainingRows) -> npt.NDArray[np.int8]:
    """What the model decides about rows."""
    scores = model.scores(rows.X)
    if model.adjustment is not None:
        scores = model.adjustment.decision_scores(scores, with_codes(rows) if model.adjustment.needs_group else rows.X)
    assert model.threshold is not None
    return (scores >= model.threshold).astype(np.int8)
