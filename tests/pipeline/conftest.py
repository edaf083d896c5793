"""Expensive things that are made once: a small repository in which the pipeline ran."""

from pathlib import Path

import pytest

from tests.workspace import Workspace, copy_of_repository, make_small


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the repository with a small data set, in which `dvc repro` ran once and was committed.

    Tests that change it put it back.
    """
    workspace = copy_of_repository(tmp_path_factory.mktemp("small") / "repository")
    make_small(workspace)
    workspace.run("dvc", "repro")
    workspace.commit("Reproduce")
    return workspace


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    """A copy of the repository as it is committed, nothing run yet."""
    return copy_of_repository(tmp_path / "repository")
