"""A clone of the repository at a run's origin, in which nothing of earlier results is left."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.sources.files import DATA_VARIABLE
from apps.ml.errors import BadInputError
from apps.ml.experiments.fingerprint import UPSTREAM, dvc_digest
from apps.ml.experiments.reproduction.origin import PIPELINE_FILE, Origin
from apps.ml.files import write_text
from apps.ml.tracking_address import TRACKING_VARIABLE, sqlite_address

OWN_CACHE = "[cache]\n    dir = cache\n"
"""A cache inside the clone, whatever the configuration of the machine says."""

NOT_INHERITED = ("DVC_", "GIT_", "MLFLOW_", "FAIRMIND_MODEL", "PYTHONPATH")
"""Beginnings of variables that would lead back to the repository, its store, or an experiment in progress."""

NAMED_FILES = 5


@contextmanager
def cloned(origin: Origin, root: Path, keep: Path | None) -> Iterator[Path]:
    """Yield a clone of `root` at the origin's commit; it is removed afterwards unless `keep` names its place.

    Raises
    ------
    BadInputError
        The repository lacks the commit, or something lies at `keep` already.
    """
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise BadInputError(f"{keep} is not empty. Name another folder for --keep.")
    with TemporaryDirectory(prefix="fairmind-reproduction-") as temporary:
        folder = keep.resolve() if keep is not None else Path(temporary) / "clone"
        _git(root, "clone", "--quiet", "--no-checkout", "--", str(root), str(folder))
        done = _git(folder, "fetch", "--quiet", "origin", origin.git_ref or origin.commit, check=False)
        if done.returncode and _git(folder, "cat-file", "-e", f"{origin.commit}^{{commit}}", check=False).returncode:
            raise BadInputError(
                f"{root} does not hold the commit {origin.commit}. Run `git fetch --all` and try again."
            )
        _git(folder, "checkout", "--quiet", "--detach", origin.commit)
        yield folder


def prepare(folder: Path, origin: Origin) -> list[str]:
    """Restore the run's parameters in a clone, remove every result, and return warnings about what cannot be known.

    Raises
    ------
    BadInputError
        The run was made from changed code that no commit holds.
    """
    warnings = _changes_beside_the_commit(folder, origin)
    paths = ArtifactPaths(folder)
    write_text(paths.parameters, origin.parameters)
    for results in (paths.reports, paths.artifacts):
        shutil.rmtree(results, ignore_errors=True)
    paths.lock.unlink(missing_ok=True)
    write_text(folder / ".dvc" / "config.local", OWN_CACHE)
    return warnings


def clone_environment(folder: Path, root: Path) -> dict[str, str]:
    """Return the variables for commands in a clone: its code, its store, and the original data where they lie."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    data = os.environ.get(DATA_VARIABLE)
    return inherited | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', os.defpath)}",
        "PYTHONPATH": str(folder),
        TRACKING_VARIABLE: sqlite_address(folder / "mlflow.db"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        DATA_VARIABLE: str((root / data).resolve() if data else root.resolve()),
    }


def stages_of(folder: Path) -> list[str]:
    """Return the names of the stages in a clone's dvc.yaml."""
    return list(yaml.safe_load((folder / PIPELINE_FILE).read_text(encoding="utf-8"))["stages"])


def changed_files(folder: Path, origin: Origin) -> list[str] | None:
    """Return which files that the run's stages read are others in the clone; None where the run's dvc.lock is missing.

    dvc.lock records the digest of all code and of the declaration that each stage read, so that changes which were
    never committed are found without having them.
    """
    if origin.lock is None:
        return None
    stages: Mapping[str, Any] = (yaml.safe_load(origin.lock) or {}).get("stages", {})
    upstream = [stages[name] for name in UPSTREAM if name in stages]
    made = {out["path"] for stage in upstream for out in stage.get("outs") or []}
    read = {entry["path"]: entry["md5"] for stage in upstream for entry in stage.get("deps") or [] if "md5" in entry}
    changed = [path for path, digest in sorted(read.items()) if path not in made and _differs(folder / path, digest)]
    pipeline = (folder / PIPELINE_FILE).read_text(encoding="utf-8")
    return changed + ([PIPELINE_FILE.as_posix()] if origin.pipeline not in (None, pipeline) else [])


def _changes_beside_the_commit(folder: Path, origin: Origin) -> list[str]:
    changed = changed_files(folder, origin)
    if origin.dirty and changed is None:
        raise BadInputError(
            f"Run {origin.run.info.run_id} was made with changes that were not committed, and it logged no dvc.lock "
            "that would say which. Commit them and run `dvc repro`."
        )
    if origin.dirty and changed:
        raise BadInputError(
            f"Run {origin.run.info.run_id} was made with changes that no commit holds: {_listed(changed)}. "
            "Commit them and run `dvc repro`; the run that this makes can be reproduced."
        )
    if changed:
        return [f"since the run, the commit that it names came to hold other bytes of {_listed(changed)}"]
    if not origin.dirty:
        return []
    same = (folder / ArtifactPaths().parameters).read_text(encoding="utf-8") == origin.parameters
    what = "files that no stage of the first four reads" if same else "params.yaml, which is restored from the run"
    return [f"the run was made with changes that were not committed; by its dvc.lock they were in {what}"]


def _listed(changed: list[str]) -> str:
    more = len(changed) - NAMED_FILES
    return ", ".join(changed[:NAMED_FILES]) + (f" and {more} more" if more > 0 else "")


def _differs(path: Path, digest: str) -> bool:
    return not path.exists() or dvc_digest(path) != digest


def _git(folder: Path, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if check and done.returncode:
        said = " ".join(done.stderr.split())[:300]
        raise BadInputError(f"`git {arguments[0]}` failed ({said}). Run the command in the root of the repository.")
    return done
