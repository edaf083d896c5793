"""Full-size checks that take minutes: every estimator on every declared data set, through the evaluation."""

import os
from pathlib import Path

import pytest

from apps.ml.files import read_json
from tests.pipeline.stages_in_process import FIRST_FOUR, run_stages

pytestmark = pytest.mark.slow

LEAST_ROC_AUC = {"loan_applications": 0.8, "adult": 0.9, "compas": 0.68, "german_credit": 0.65}
ESTIMATORS = (
    "logistic_regression",
    "hist_gradient_boosting",
    "lightgbm",
    "xgboost",
    "random_forest",
    "explainable_boosting",
    "mlp",
)
"""Those that fit and explain thousands of rows in minutes; the others are tested on small sets."""


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("dataset", LEAST_ROC_AUC)
def test_every_estimator_is_trained_and_assessed(dataset: str, estimator: str, tmp_path: Path) -> None:
    if dataset != "loan_applications" and not os.environ.get("FAIRMIND_DATA_DIR"):
        pytest.skip("FAIRMIND_DATA_DIR is not set: no real data")
    paths = run_stages(tmp_path, FIRST_FOUR, data_processing__dataset=dataset, model_training__estimator=estimator)
    assert read_json(paths.metric("performance"))["roc_auc"]["value"] > LEAST_ROC_AUC[dataset]
    explainability = read_json(paths.metric("explainability"))
    assert explainability.get("undefined") is None
    assert explainability["additivity_error"] < 1e-6


def test_a_numeric_label_goes_through_all_stages(tmp_path: Path) -> None:
    paths = run_stages(tmp_path, FIRST_FOUR, data_processing__dataset="salaries")
    assert read_json(paths.metric("performance"))["r_squared"]["value"] > 0.8
    gap = read_json(paths.metric("fairness"))["gender"]["mean_prediction_difference"]
    assert gap["lower"] > 0
