"""One registry for all tests of versions: two versions that answer differently, and some that may not serve."""

import shutil
from pathlib import Path

import pytest

from apps.ml.models.bundle import write_bundle
from apps.ml.tests.code.deployment.conftest import train_bundle
from apps.ml.tests.code.deployment.versions.published import BAD, Registry, new_registry

NEEDS_THE_GROUP = Path(__file__).parents[2] / "models" / "format_2_group_thresholds_bundle"


@pytest.fixture(scope="session")
def second_bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle with the same columns and other scores."""
    folder = tmp_path_factory.mktemp("bundles") / "logistic_regression"
    bundle, golden = train_bundle("logistic_regression")
    write_bundle(folder, bundle, golden)
    return folder


@pytest.fixture(scope="session")
def published(bundle_folder: Path, second_bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """The registry; an alias in it belongs to the test that sets it."""
    registry = new_registry(tmp_path_factory.mktemp("registry"))
    registry.publish("first", bundle_folder)
    registry.publish("second", second_bundle_folder)
    registry.publish("needs the group", NEEDS_THE_GROUP)
    for word, (harm, _) in BAD.items():
        bundle = Path(shutil.copytree(bundle_folder, tmp_path_factory.mktemp("bad") / "bundle"))
        harm(bundle)
        registry.publish(word, bundle)
    return registry


@pytest.fixture
def registry(published: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The registry as the one that MLFLOW_TRACKING_URI names."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", published.address)
    return published
