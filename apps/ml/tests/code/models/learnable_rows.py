"""Rows that every estimator can learn from, for a label of two classes and for a numeric one."""

import numpy as np

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.training import TrainedModel, TrainingRows, train
from apps.ml.parameters import ModelTraining

FEATURES = 5
OPTIONS = {
    "random_forest": {"n_estimators": 30, "min_samples_leaf": 10},
    "extra_trees": {"n_estimators": 30, "min_samples_leaf": 10},
    "mlp": {"hidden_units": 16, "epochs": 30, "learning_rate": 0.01},
}
"""Small ones, so that fits take a moment."""

OWN = (
    "logistic_regression",
    "linear_regression",
    "linear_svm",
    "svm",
    "naive_bayes",
    "random_forest",
    "extra_trees",
    "mlp",
)
CASES = [(name, task) for name in OWN for task in ESTIMATORS[name].tasks]
"""Every estimator that scikit-learn fits in one go or by epochs, with every kind of label that it can be fitted to."""


def learnable_rows(n: int, seed: int, task: Task = CLASSIFICATION) -> TrainingRows:
    """Five features of which two matter; the numeric label lies around 30,000 with a deviation of about 10,000."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, FEATURES))
    value = X[:, 0] - 0.7 * X[:, 1] + 0.6 * random.normal(size=n)
    if task == CLASSIFICATION:
        return TrainingRows(X, (value > 0.4).astype(np.int8))
    return TrainingRows(X, 30_000.0 + 7_500.0 * value)


def parameters_of(name: str, **changes: object) -> ModelTraining:
    """The parameters of a small fit of one estimator."""
    return ModelTraining.model_validate({"estimator": name, "seed": 7, "estimators": OPTIONS, **changes})


def trained(name: str, task: Task = CLASSIFICATION, **changes: object) -> TrainedModel:
    """Fit an estimator to 500 rows, 200 of validation."""
    sources = tuple("abcde")
    return train(
        parameters_of(name, **changes),
        learnable_rows(500, 1, task),
        learnable_rows(200, 2, task),
        task=task,
        feature_sources=sources,
    )
