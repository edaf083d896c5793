from pathlib import Path

import pandas as pd
import pytest

from apps.ml.models.bundle import ModelBundle, read_bundle
from apps.ml.tests import small_loans, small_pipeline

ESTIMATORS = ("logistic_regression", "random_forest", "hist_gradient_boosting", "lightgbm")


@pytest.fixture(scope="session")
def trained_bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelBundle]:
    """Estimator → a model trained on the small made-up loans."""
    prepared = small_pipeline.with_features(tmp_path_factory.mktemp("prepared"))
    root: Path = tmp_path_factory.mktemp("trained")
    return {name: read_bundle(small_pipeline.trained(prepared, root / name, name).bundle) for name in ESTIMATORS}


@pytest.fixture(params=ESTIMATORS)
def model(request: pytest.FixtureRequest, trained_bundles: dict[str, ModelBundle]) -> ModelBundle:
    """Each trained model in turn."""
    return trained_bundles[request.param]


@pytest.fixture
def applicants(model: ModelBundle) -> pd.DataFrame:
    """Rows that no model has seen, in the columns of a request."""
    return small_loans.split("test").features[[column.name for column in model.info.columns]].copy()
