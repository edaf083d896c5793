"""What travels with a bundle so that MLflow can load it elsewhere: code and the versions of the libraries."""

import shutil
from importlib.metadata import version
from pathlib import Path

import apps

CODE = (
    "__init__.py",
    "ml/__init__.py",
    "ml/errors.py",
    "ml/files.py",
    "ml/artifact_paths.py",
    "ml/parameters",
    "ml/telemetry.py",
    "ml/validation_errors.py",
    "ml/data/__init__.py",
    "ml/data/processed.py",
    "ml/features",
    "ml/models",
)
"""Parts of `apps` that scoring a row runs through; a test loads a model with nothing else."""

LIBRARIES = (
    "lightgbm",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "scikit-learn",
    "scipy",
    "skops",
    "threadpoolctl",
    "xgboost-cpu",
)
"""Distributions that scoring a row needs."""

SCRIPT = Path(__file__).with_name("pyfunc_model.py")
"""The models-from-code script: MLflow's `python_model`."""


def copy_model_code(destination: Path) -> Path:
    """Copy the code that scoring needs to `destination/apps` and return that folder, for MLflow's `code_paths`."""
    source = Path(apps.__file__).parent
    target = destination / "apps"
    for name in CODE:
        _copy(source / name, target / name)
    return target


def pip_requirements() -> list[str]:
    """Return `name==version` of every library that scoring needs, as installed here."""
    return [f"{name}=={version(name)}" for name in LIBRARIES]


def _copy(source: Path, target: Path) -> None:
    files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
    for file in files:
        copy = target / file.relative_to(source) if source.is_dir() else target
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
