"""Options with which nothing can be learned end in an error that names them, never in a model."""

import warnings
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import FairMindError, ParameterError
from apps.ml.models.training import TrainedModel, TrainingRows, train
from apps.ml.parameters import ModelTraining
from apps.ml.tests.code.models.learnable_rows import learnable_rows

ROUNDS = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "hist_gradient_boosting": "max_iter", "mlp": "epochs"}


def fitted(name: str, options: dict[str, Any], task: Task = CLASSIFICATION, stops: bool = True) -> TrainedModel:
    content = {
        "estimator": name,
        "seed": 7,
        "estimators": {name: options},
        "early_stopping": {"enabled": stops},
    }
    parameters = ModelTraining.model_validate(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return train(parameters, learnable_rows(200, 1, task), learnable_rows(100, 2, task), task=task)


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("name", ["lightgbm", "hist_gradient_boosting", "mlp"])
def test_a_rate_at_which_values_outgrow_all_numbers_is_named(name: str, stops: bool) -> None:
    options = {"learning_rate": 1e300, ROUNDS[name]: 30}
    with pytest.raises(ParameterError, match=rf"model_training\.estimators\.{name}\.learning_rate 1e\+300.*smaller"):
        fitted(name, options, REGRESSION, stops)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_a_rate_at_which_trees_overshoot_more_and_more_is_named(name: str) -> None:
    with pytest.raises(ParameterError, match=rf"estimators\.{name}\.learning_rate 50.*smaller"):
        fitted(name, {"learning_rate": 50.0, ROUNDS[name]: 250}, REGRESSION, stops=False)


@pytest.mark.parametrize(
    ("name", "options"),
    [("xgboost", {"reg_lambda": 1e300}), ("lightgbm", {"num_leaves": 10**6}), ("xgboost", {"learning_rate": 1e300})],
)
def test_an_option_that_the_library_refuses_is_an_error_about_params(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=rf"model_training\.estimators\.{name}: .*{next(iter(options))}"):
        fitted(name, options)


def test_scores_that_are_no_numbers_name_the_estimator_and_what_to_change() -> None:
    """Naive Bayes divides by variances, and there are none."""
    labels = (np.arange(60) % 3 == 0).astype(np.int8)
    rows = TrainingRows(np.zeros((60, 2)), labels)
    parameters = ModelTraining.model_validate({"estimator": "naive_bayes", "seed": 7})
    with pytest.raises(
        FairMindError, match=r"naive_bayes: 60 of 60 scores of validation rows are no numbers.*columns that vary"
    ):
        train(parameters, rows, rows)
