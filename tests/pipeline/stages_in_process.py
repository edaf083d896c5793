"""Run stages in this process on parameters of one's own, in a folder of one's own."""

import importlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from apps.ml.artifact_paths import STAGES, ArtifactPaths
from tests.workspace import ROOT, Workspace

FIRST_THREE = STAGES[:3]
FIRST_FOUR = STAGES[:4]


def run_stages(folder: Path, stages: Sequence[str], **parameters: Any) -> ArtifactPaths:
    """Run `stages` in order below `folder`, with the committed parameters changed as `edit_parameters` says."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    Workspace(folder).edit_parameters(**parameters)
    return _run(folder, stages)


def run_stages_with(folder: Path, stages: Sequence[str], content: Mapping[str, Any]) -> ArtifactPaths:
    """Run `stages` in order below `folder` with the whole of params.yaml given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    return _run(folder, stages)


def merged(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested content with changes put over it; lists are replaced whole."""
    both = dict(content)
    for key, value in changes.items():
        below = both.get(key)
        both[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return both


def _run(folder: Path, stages: Sequence[str]) -> ArtifactPaths:
    paths = ArtifactPaths(folder)
    for stage in stages:
        importlib.import_module(f"apps.ml.pipelines.{stage}").main(paths)
    return paths
