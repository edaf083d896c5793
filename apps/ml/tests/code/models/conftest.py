from pathlib import Path

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.tests import small_pipeline

ESTIMATORS = ("logistic_regression", "random_forest", "hist_gradient_boosting", "lightgbm")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> ArtifactPaths:
    """A workspace after two stages."""
    return small_pipeline.with_features(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def bundles(prepared: ArtifactPaths, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Estimator → folder of a bundle; tests must not change it."""
    root = tmp_path_factory.mktemp("trained")
    return {name: small_pipeline.trained(prepared, root / name, name).bundle for name in ESTIMATORS}
