"""Where a run came from: commit, DVC experiment, library versions."""

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from apps.ml.files import sha256_of_file

PACKAGES = ("numpy", "pandas", "scikit-learn", "lightgbm", "skops", "mlflow", "dvc", "fairlearn", "shap", "lime")
REQUIREMENTS_LOCK = "requirements.lock"
OWN_OUTPUTS = (":(exclude)reports", ":(exclude)dvc.lock")
NO_COMMIT = "none"


@dataclass(frozen=True)
class Commit:
    """The commit of the working tree (`none` outside Git) and whether code or parameters differ from it."""

    name: str
    dirty: bool


@dataclass(frozen=True)
class DvcExperiment:
    """The DVC experiment that this process runs in, and the commit it started from."""

    name: str
    baseline: str


def commit_of(root: Path) -> Commit:
    """Return the commit of the working tree at `root`; what the pipeline itself writes does not make it dirty."""
    name = git_output(root, "rev-parse", "HEAD")
    if name is None:
        return Commit(NO_COMMIT, dirty=True)
    return Commit(name, dirty=git_output(root, "status", "--porcelain", "--", ".", *OWN_OUTPUTS) != "")


def dvc_experiment() -> DvcExperiment | None:
    """Return the DVC experiment of this process, None outside experiments."""
    name = os.environ.get("DVC_EXP_NAME")
    return DvcExperiment(name, os.environ.get("DVC_EXP_BASELINE_REV", "")) if name else None


def environment_of(root: Path) -> dict[str, str]:
    """Return Python's version, those of the main packages, and the sha256 of the requirements' lock file."""
    lock = root / REQUIREMENTS_LOCK
    packages = {name: found for name in PACKAGES if (found := _installed(name))}
    locked = {REQUIREMENTS_LOCK: sha256_of_file(lock)} if lock.exists() else {}
    return {"python": platform.python_version(), **packages, **locked}


def git_output(root: Path, *arguments: str) -> str | None:
    """Return what a Git command prints in the folder `root`, None where it fails or there is no Git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
