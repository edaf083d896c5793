"""Two bundles that answer differently, and a shelf over their folders."""

from pathlib import Path

import pytest

from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.models.bundle import write_bundle
from apps.ml.tests.code.deployment.conftest import train_bundle


@pytest.fixture(scope="session")
def challenger_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle with the columns of `bundle_folder` and other scores."""
    folder = tmp_path_factory.mktemp("bundles") / "challenger"
    bundle, golden = train_bundle("logistic_regression")
    write_bundle(folder, bundle, golden)
    return folder


@pytest.fixture(scope="session")
def shelf(bundle_folder: Path, challenger_folder: Path) -> Shelf:
    """A filled shelf: champion and challenger."""
    shelf = Shelf([FolderSource(bundle_folder), FolderSource(challenger_folder)])
    shelf.refresh()
    return shelf
