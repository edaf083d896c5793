from pathlib import Path

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.tests import finished_pipeline


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactPaths:
    """A folder of its own, with a space in its name, in which four stages have run; it is the current directory."""
    return finished_pipeline.workspace(tmp_path / "a folder", monkeypatch)
