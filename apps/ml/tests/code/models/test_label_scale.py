"""Numeric labels in other units: what is learned must not depend on whether wages are in cents or in millions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import REGRESSION
from apps.ml.errors import DataError
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.parts.part import ExplainedPart
from apps.ml.models.scoring import scores_of
from apps.ml.models.training import TrainedModel, TrainingRows, train
from apps.ml.parameters import ModelTraining
from apps.ml.tests.code.models.fit_requests import is_scored_alone_as_among_others, written_and_read
from apps.ml.tests.code.models.learnable_rows import FEATURES, learnable_rows

MEMBERS = [
    {"estimator": "linear_regression"},
    {"estimator": "lightgbm", "options": {"n_estimators": 30, "learning_rate": 0.2}},
]
OPTIONS: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 10},
    "extra_trees": {"n_estimators": 10},
    "hist_gradient_boosting": {"max_iter": 30},
    "lightgbm": {"n_estimators": 30, "learning_rate": 0.2},
    "xgboost": {"n_estimators": 30, "learning_rate": 0.2},
    "explainable_boosting": {"max_rounds": 60, "outer_bags": 1, "interactions": 1, "learning_rate": 0.1},
    "mlp": {"epochs": 20, "learning_rate": 0.01},
    "voting": {"members": MEMBERS},
    "stacking": {"members": MEMBERS, "folds": 2},
}
NUMERIC = [name for name, entry in ESTIMATORS.items() if REGRESSION in entry.tasks]
UNITS = [(1e9, 0.0), (1e-9, 0.0), (1.0, 1e9), (1e-30, 0.0), (1e30, 0.0)]
"""Factor and shift of a label whose deviation is about 1."""


def rows(n: int, seed: int, factor: float = 1.0, shift: float = 0.0) -> TrainingRows:
    drawn = learnable_rows(n, seed, REGRESSION)
    labels = np.asarray(drawn.labels, dtype=np.float64)
    return TrainingRows(drawn.X, (labels - 30_000.0) / 7_500.0 * factor + shift)


def trained(name: str, factor: float = 1.0, shift: float = 0.0) -> TrainedModel:
    parameters = ModelTraining.model_validate({"estimator": name, "seed": 7, "estimators": OPTIONS})
    return train(parameters, rows(300, 1, factor, shift), rows(150, 2, factor, shift), task=REGRESSION)


def explained_share(model: TrainedModel, factor: float = 1.0, shift: float = 0.0) -> float:
    unseen = rows(300, 3, factor, shift)
    labels, values = ((numbers - shift) / factor for numbers in (unseen.labels, model.scores(unseen.X)))
    return 1.0 - float(np.mean((labels - values) ** 2) / np.var(labels))


@pytest.mark.parametrize("name", NUMERIC)
def test_another_unit_of_the_label_changes_nothing_that_is_learned(name: str) -> None:
    expected = explained_share(trained(name))
    assert expected > 0.4
    for factor, shift in UNITS:
        assert explained_share(trained(name, factor, shift), factor, shift) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "random_forest"])
def test_a_model_of_tiny_labels_comes_back_from_its_folder_and_adds_up(name: str, tmp_path: Path) -> None:
    estimator = trained(name, 1e-9, 1.0).estimator
    X = np.random.default_rng(5).normal(size=(20, FEATURES))
    found = written_and_read(tmp_path, estimator)
    assert is_scored_alone_as_among_others(found, X)
    if isinstance(found, ExplainedPart):
        assert found.contributions_output == "value"
        # Trees answer in double precision, those of XGBoost explain themselves in single precision.
        np.testing.assert_allclose(
            found.contributions(X).sum(axis=1) - 1.0, scores_of(found, X) - 1.0, rtol=0, atol=1e-14
        )


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_labels_whose_squares_are_no_numbers_are_refused(factor: float) -> None:
    with pytest.raises(DataError, match=r"300 training rows .* too large or too small .* another unit"):
        trained("linear_regression", factor)
