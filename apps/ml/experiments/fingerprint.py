"""The fingerprint of a finished pipeline: which parameters and which bytes, and nothing about code or time.

`dvc.lock` records, per stage, the parameters it read and the digest of each output. The fingerprint is sha256 over
these for the first four stages: a changed comment in the code that changes no output keeps the fingerprint. Where there
is no `dvc.lock`, because the stages were run by hand, the sections of params.yaml and the files themselves take its
place; that fingerprint has the same meaning and another value.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from apps.ml.artifact_paths import METRICS, STAGES, ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.files import sha256_of_json
from apps.ml.parameters import read_parameters

UPSTREAM = STAGES[:-1]
MENDING = "Run `dvc repro`."


@dataclass(frozen=True)
class Fingerprint:
    """What names one model with its evidence.

    `value`: hexadecimal sha256. `outputs`: path → digest as DVC writes it (md5, with `.dir` for a folder). `lock`:
    sha256 over the upstream entries of dvc.lock, None where there is no such file.
    """

    value: str
    outputs: Mapping[str, str]
    lock: str | None


def fingerprint_of(paths: ArtifactPaths) -> Fingerprint:
    """Return the fingerprint of what lies below `paths.root`; every output is compared with the record.

    Raises
    ------
    BadInputError
        dvc.lock lacks a stage, an output is missing, or an output has other bytes than dvc.lock says.
    """
    stages = _locked_stages(paths.lock) if paths.lock.exists() else None
    parameters = _recorded_parameters(stages) if stages else _own_parameters(paths)
    recorded = _recorded_outputs(stages) if stages else _own_outputs(paths)
    outputs = {path: _checked(paths.root / path, digest) for path, digest in sorted(recorded.items())}
    value = sha256_of_json({"parameters": parameters, "outputs": outputs})
    return Fingerprint(value, outputs, sha256_of_json(stages) if stages else None)


def recorded_fingerprint(lock: str) -> str | None:
    """Return the fingerprint of what the text of a dvc.lock records, without looking at any file.

    None where it does not record all of the first four stages.
    """
    content = yaml.safe_load(lock)
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict) or any(stage not in stages for stage in UPSTREAM):
        return None
    upstream = {stage: stages[stage] for stage in UPSTREAM}
    return sha256_of_json({"parameters": _recorded_parameters(upstream), "outputs": _recorded_outputs(upstream)})


def dvc_digest(path: Path) -> str:
    """Return the digest of a file or folder as DVC computes it."""
    if not path.is_dir():
        return _md5_of_file(path)
    entries = [
        {"md5": _md5_of_file(file), "relpath": file.relative_to(path).as_posix()}
        for file in path.rglob("*")
        if file.is_file()
    ]
    listed = json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True)
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest() + ".dir"


def _locked_stages(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict):
        raise BadInputError(f"{path} records no stages. Restore it from version control, or remove it. {MENDING}")
    missing = [stage for stage in UPSTREAM if stage not in stages]
    if missing:
        raise BadInputError(f"{path} has no entry for {', '.join(missing)}. {MENDING}")
    return {stage: stages[stage] for stage in UPSTREAM}


def _recorded_parameters(stages: Mapping[str, Any]) -> dict[str, Any]:
    """Merge what the stages read, `file → key → value`, so that the order of stages and files does not count."""
    merged: dict[str, Any] = {}
    for stage in stages.values():
        for file, values in (stage.get("params") or {}).items():
            merged.setdefault(file, {}).update(values)
    return merged


def _recorded_outputs(stages: Mapping[str, Any]) -> dict[str, str]:
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs") or []}


def _own_parameters(paths: ArtifactPaths) -> dict[str, Any]:
    return read_parameters(paths.parameters).model_dump(mode="json", include=set(UPSTREAM))


def _own_outputs(paths: ArtifactPaths) -> dict[str, str]:
    folders = [paths.processed, paths.features, paths.bundle, paths.predictions, paths.plots]
    metrics = [paths.metric(name) for name in METRICS[:-1]]
    files = [*metrics, paths.evidence, paths.report, paths.model_card, paths.data_quality_page]
    present = [path for path in (*folders, *files) if path.exists()]
    return {path.relative_to(paths.root).as_posix(): dvc_digest(path) for path in present}


def _checked(path: Path, recorded: str) -> str:
    if not path.exists():
        raise BadInputError(f"{path} is missing. Run `dvc repro`, or `dvc pull` where a remote holds it.")
    if dvc_digest(path) != recorded:
        raise BadInputError(f"{path} has other bytes than dvc.lock says: it was made by hand or half-way. {MENDING}")
    return recorded


def _md5_of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
