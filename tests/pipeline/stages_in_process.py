"""Run stages in this process on parameters of one's own, in a folder of one's own."""

import importlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.ml.artifact_paths import STAGES, ArtifactPaths
from tests.workspace import ROOT, Workspace

FIRST_THREE = STAGES[:3]
FIRST_FOUR = STAGES[:4]


def run_stages(folder: Path, stages: Sequence[str], **parameters: Any) -> ArtifactPaths:
    """Run `stages` in order below `folder`, with the committed parameters changed as `edit_parameters` says."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    Workspace(folder).edit_parameters(**parameters)
    paths = ArtifactPaths(folder)
    for stage in stages:
        importlib.import_module(f"apps.ml.pipelines.{stage}").main(paths)
    return paths
