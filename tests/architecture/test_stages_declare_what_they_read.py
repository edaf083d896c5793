"""A stage that does not list what it reads is not rerun when it should be."""

from pathlib import Path

import pytest
import yaml

from apps.ml.artifact_paths import STAGES
from tests.architecture.stage_dependencies import ROOT, closure

NOT_RESULTS = {
    "apps/__init__.py",
    "apps/ml/__init__.py",
    "apps/ml/errors.py",  # messages
    "apps/ml/telemetry.py",
    "apps/ml/artifact_paths.py",  # a moved path shows as a missing output
    "apps/ml/tracking_address.py",
    "apps/ml/pipelines/__init__.py",
    "apps/ml/pipelines/stage.py",
    "apps/ml/data/__init__.py",
    "apps/ml/features/__init__.py",
    "apps/ml/models/__init__.py",
    "apps/ml/evaluation/__init__.py",
    "apps/ml/experiments/__init__.py",
}
"""Files that change names and messages but no result; a stage need not depend on them."""


def declared_dependencies(stage: str) -> list[str]:
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    return list(content["stages"][stage]["deps"])


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_a_stage_imports_is_a_dependency_of_the_stage(stage: str) -> None:
    declared = [ROOT / entry for entry in declared_dependencies(stage) if "${" not in entry]
    reached = closure(f"apps.ml.pipelines.{stage}")
    missing = {
        str(path.relative_to(ROOT))
        for path in reached
        if str(path.relative_to(ROOT)) not in NOT_RESULTS and not any(_covers(entry, path) for entry in declared)
    }
    assert not missing, f"add to the deps of {stage} in dvc.yaml: {sorted(missing)}"


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_depends_on_code_it_does_not_reach(stage: str) -> None:
    reached = closure(f"apps.ml.pipelines.{stage}")
    unused = [
        entry
        for entry in declared_dependencies(stage)
        if entry.startswith("apps/")
        and "${" not in entry
        and not any(_covers(ROOT / entry, path) for path in reached)
        and "/templates" not in entry
    ]
    assert not unused, f"remove from the deps of {stage} in dvc.yaml: {unused}"


def _covers(entry: Path, path: Path) -> bool:
    return entry == path or entry in path.parents


def test_the_search_declares_what_it_reads_in_a_file_of_its_own() -> None:
    content = yaml.safe_load((ROOT / "mlops/dvc/tuning/dvc.yaml").read_text(encoding="utf-8"))
    declared = content["stages"]["model_tuning"]["deps"]
    reached = {str(path.relative_to(ROOT)) for path in closure("apps.ml.pipelines.model_tuning")}
    entries = [ROOT / entry for entry in declared]
    packages = {"apps/ml/evaluation/plots/__init__.py", "apps/ml/experiments/__init__.py"}
    read = [ROOT / name for name in sorted(reached - NOT_RESULTS - packages)]
    missing = [str(path) for path in read if not any(_covers(entry, path) for entry in entries)]
    assert missing == []
