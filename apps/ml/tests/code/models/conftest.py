from pathlib import Path

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.tests import small_pipeline


class TrainedOnDemand(dict[str, Path]):
    """Estimator → folder of a bundle, trained when it is first asked for."""

    def __init__(self, prepared: ArtifactPaths, root: Path) -> None:
        self._prepared, self._root = prepared, root

    def __missing__(self, name: str) -> Path:
        self[name] = small_pipeline.trained(self._prepared, self._root / name, name).bundle
        return self[name]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> ArtifactPaths:
    """A workspace after two stages."""
    return small_pipeline.with_features(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def bundles(prepared: ArtifactPaths, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Estimator → folder of a bundle; tests must not change it."""
    return TrainedOnDemand(prepared, tmp_path_factory.mktemp("trained"))
