import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.ml.artifact_paths import STAGES, ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.experiments.fingerprint import dvc_digest, fingerprint_of, recorded_fingerprint
from apps.ml.tests import finished_pipeline


@pytest.fixture
def locked(tmp_path: Path) -> ArtifactPaths:
    """One output per stage, and the dvc.lock that records it."""
    stages = {}
    for stage in STAGES[:-1]:
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "out.txt").write_text(stage)
        stages[stage] = {
            "cmd": f"python -m {stage}",
            "deps": [{"path": "code.py", "md5": "0" * 32}],
            "params": {"params.yaml": {stage: {"seed": 1}}},
            "outs": [{"path": stage, "hash": "md5", "md5": dvc_digest(tmp_path / stage), "nfiles": 1}],
        }
    _write(tmp_path, stages)
    return ArtifactPaths(tmp_path)


def _write(root: Path, stages: dict[str, Any]) -> None:
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def _stages(paths: ArtifactPaths) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(paths.lock.read_text())["stages"]
    return content


def test_the_digest_of_a_folder_is_the_one_that_dvc_computes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    assert dvc_digest(tmp_path / "a.txt") == hashlib.md5(b"1", usedforsecurity=False).hexdigest()
    assert dvc_digest(tmp_path) == "7c508ea7577e90023de419faedfe9d9b.dir"  # as written by `dvc repro`


def test_a_nested_folder_has_the_digest_that_dvc_itself_computes(tmp_path: Path) -> None:
    for name in ("b/z.txt", "b/a/x.txt", "a b.txt", "c.txt"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text(name)
    hashes = {
        file.relative_to(tmp_path / "out").as_posix(): hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        for file in (tmp_path / "out").rglob("*.txt")
    }
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree = Tree()
    for name, digest in hashes.items():
        tree.add(tuple(name.split("/")), None, HashInfo("md5", digest))
    tree.digest()
    assert dvc_digest(tmp_path / "out") == tree.hash_info.value


def test_code_and_command_do_not_enter_the_fingerprint(locked: ArtifactPaths) -> None:
    before = fingerprint_of(locked)
    stages = _stages(locked)
    for stage in stages.values():
        stage["cmd"] += " --other"
        stage["deps"][0]["md5"] = "1" * 32
    _write(locked.root, stages)
    after = fingerprint_of(locked)
    assert after.value == before.value
    assert after.lock != before.lock


def test_the_order_of_stages_in_the_lock_does_not_enter_the_fingerprint(locked: ArtifactPaths) -> None:
    before = fingerprint_of(locked).value
    _write(locked.root, dict(reversed(_stages(locked).items())))
    assert fingerprint_of(locked).value == before


def test_the_entry_of_the_last_stage_does_not_enter_the_fingerprint(locked: ArtifactPaths) -> None:
    before = fingerprint_of(locked)
    _write(locked.root, {**_stages(locked), STAGES[-1]: {"cmd": "x", "outs": [{"path": "gone", "md5": "2" * 32}]}})
    assert fingerprint_of(locked) == before


def test_a_parameter_enters_the_fingerprint(locked: ArtifactPaths) -> None:
    before = fingerprint_of(locked).value
    stages = _stages(locked)
    stages["model_training"]["params"]["params.yaml"]["model_training"]["seed"] = 2
    _write(locked.root, stages)
    assert fingerprint_of(locked).value != before


def test_an_output_enters_the_fingerprint(locked: ArtifactPaths) -> None:
    before = fingerprint_of(locked).value
    stages = _stages(locked)
    (locked.root / "model_training" / "out.txt").write_text("another model")
    stages["model_training"]["outs"][0]["md5"] = dvc_digest(locked.root / "model_training")
    _write(locked.root, stages)
    assert fingerprint_of(locked).value != before


def test_an_output_that_the_lock_does_not_describe_is_refused(locked: ArtifactPaths) -> None:
    (locked.root / "model_training" / "out.txt").write_text("made by hand")
    with pytest.raises(BadInputError, match=r"model_training has other bytes than dvc\.lock says.*`dvc repro`"):
        fingerprint_of(locked)


def test_a_missing_output_is_named(locked: ArtifactPaths) -> None:
    (locked.root / "model_training" / "out.txt").unlink()
    (locked.root / "model_training").rmdir()
    with pytest.raises(BadInputError, match=r"model_training is missing.*`dvc pull`"):
        fingerprint_of(locked)


def test_a_stage_that_the_lock_lacks_is_named(locked: ArtifactPaths) -> None:
    stages = _stages(locked)
    del stages["model_evaluation"]
    _write(locked.root, stages)
    with pytest.raises(BadInputError, match="no entry for model_evaluation"):
        fingerprint_of(locked)


@pytest.mark.parametrize("text", ["", "stages: []", json.dumps({"schema": "2.0"})])
def test_a_lock_without_stages_is_refused(text: str, locked: ArtifactPaths) -> None:
    locked.lock.write_text(text)
    with pytest.raises(BadInputError, match="records no stages"):
        fingerprint_of(locked)


def test_without_a_lock_parameters_and_files_take_its_place(finished: ArtifactPaths) -> None:
    first = fingerprint_of(finished)
    assert first.lock is None
    assert {"artifacts/03_models/bundle", "reports/metrics/performance.json"} <= set(first.outputs)
    finished_pipeline.set_parameters(finished, "model_registration", gates=[])
    assert fingerprint_of(finished).value == first.value
    finished_pipeline.set_parameters(finished, "model_training", seed=6)
    second = fingerprint_of(finished)
    assert second.value != first.value
    finished_pipeline.measure(finished, 0.7)
    assert fingerprint_of(finished).value != second.value


def test_the_text_of_a_lock_gives_the_fingerprint_of_what_it_records(locked: ArtifactPaths) -> None:
    assert recorded_fingerprint(locked.lock.read_text()) == fingerprint_of(locked).value
    stages = _stages(locked)
    del stages["model_training"]
    assert recorded_fingerprint(yaml.safe_dump({"stages": stages})) is None
    assert recorded_fingerprint("[]") is None
