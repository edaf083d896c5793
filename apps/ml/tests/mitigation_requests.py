"""Requests to mitigate a gap between two groups on small made-up rows: group b is selected far more often.

A sixth of the rows has no known group. The first feature tells of the label and of the group, the second of the label.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.fitting import Fit, Fitted, Rows
from apps.ml.models.group_input import GroupInput
from apps.ml.models.mitigation.request import MitigationRequest
from apps.ml.models.scoring import scores_of
from apps.ml.models.thresholds import choose_threshold
from apps.ml.models.training import balanced_weights, silent
from apps.ml.parameters import EarlyStopping, Mitigation, Threshold
from apps.ml.parameters.estimators import Estimators

GROUP = GroupInput("team", ("a", "b"))
OPTIONS = Estimators.model_validate({"lightgbm": {"n_estimators": 20, "num_leaves": 5, "learning_rate": 0.2}})

Codes = npt.NDArray[np.int64]


def biased_rows(n: int, seed: int, task: Task = CLASSIFICATION, unknown: float = 1 / 6) -> tuple[Rows, Codes]:
    """Rows, and their codes of -1, 0 and 1."""
    random = np.random.default_rng(seed)
    group = random.integers(0, 2, n)
    X = random.normal(size=(n, 3)) + np.outer(group == 1, [0.9, 0.0, 0.0])
    value = X[:, 0] + 0.7 * X[:, 1] + (1.0 + 1.5 * (group == 1) * (task != CLASSIFICATION)) * random.normal(size=n)
    labels = (value > 0.8).astype(np.int8) if task == CLASSIFICATION else 10.0 + value
    codes = np.where(random.random(n) < unknown, -1, group).astype(np.int64)
    return Rows(X, labels), codes


def mitigation_request(
    method: str,
    estimator: str = "logistic_regression",
    task: Task = CLASSIFICATION,
    class_weight: str = "none",
    seed: int = 7,
    fits: list[tuple[Rows, Rows]] | None = None,
    **chosen: Any,
) -> MitigationRequest:
    """A request with 600 training and 500 validation rows; `fits` collects what is fitted.

    `chosen`: keys of `model_training.mitigation`; those of the method's options go under `options`.
    """
    own = chosen.pop("options", {})
    asked = {"method": method, "attribute": GROUP.attribute, "tolerance": 0.05, **chosen}
    parameters = Mitigation.model_validate(asked | ({"options": {method: own}} if own else {}))
    (train, codes), (validation, watched) = biased_rows(600, 1, task), biased_rows(500, 2, task)
    if class_weight == "balanced":
        weights = balanced_weights(np.asarray(train.labels, dtype=np.int8))
        train, validation = (
            Rows(rows.X, rows.labels, weights[np.asarray(rows.labels, dtype=np.int8)]) for rows in (train, validation)
        )

    def fit(rows: Rows, looked_at: Rows) -> Fitted:
        if fits is not None:
            fits.append((rows, looked_at))
        request = Fit(rows, looked_at, seed, EarlyStopping(rounds=5), silent, task)
        return ESTIMATORS[estimator].fit(getattr(OPTIONS, estimator), request)

    return MitigationRequest(
        parameters=parameters,
        options=getattr(parameters.options, method, None),
        task=task,
        group=GROUP,
        train=train,
        train_codes=codes,
        validation=validation,
        validation_codes=watched,
        seed=seed,
        fit=fit,
        score=scores_of,
        threshold=lambda labels, scores: choose_threshold(Threshold(), labels, scores),
        report=silent,
    )
