"""One model of 14 mixed columns in the three forms that the contenders serve, and rows to ask about.

The first three stages of the pipeline make the bundle. Beside it stands the pipeline that one would write by hand with
scikit-learn for the same work, fitted on the same rows; trees are grown with settings under which the order of features
does not matter, so that both are one model and give the same scores.
"""

import contextlib
import io
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import ProcessedSplit, read_split
from apps.ml.models.bundle import read_bundle, read_info
from apps.ml.models.golden_rows import records
from apps.ml.models.model_code import SCRIPT, copy_model_code
from apps.ml.models.signature import mlflow_signature
from apps.ml.pipelines import data_processing, feature_engineering, model_training
from tests.workspace import ROOT

NUMERIC = ("age", "employment_years", "annual_income", "savings", "existing_debt", "late_payments")
NUMERIC_OF_THE_LOAN = ("loan_amount", "term_months", "instalment")
CATEGORICAL = ("education", "employment", "purpose")
BOOLEAN = ("owns_home", "existing_customer")
LEFT_OUT = ("household_size", "open_loans", "neighbourhood_index", "interest_rate", "guarantor")
ROUNDS = 131
TREES = {"learning_rate": 0.05, "num_leaves": 31, "min_child_samples": 20, "reg_lambda": 1.0, "colsample_bytree": 1.0}
ROWS = 100
TOLERANCE = 1e-6
"""Largest difference of a score between two servers of one model."""


@dataclass(frozen=True)
class Material:
    """Folders of the bundle, of the bundle as an MLflow model and of the scikit-learn pipeline as one; the pipeline's
    file; rows as records, [n], the first of them without a missing value; their scores float64 [n]."""

    bundle: Path
    mlflow_bundle: Path
    mlflow_pipeline: Path
    pipeline_file: Path
    rows: list[dict[str, Any]]
    scores: npt.NDArray[np.float64]


def make_material(folder: Path) -> Material:
    """Train and save everything below `folder`."""
    paths = _trained(folder)
    info = read_info(paths.bundle)
    names = [column.name for column in info.columns]
    test = read_split(paths.processed, "test").features[names]
    whole = test[test.notna().all(axis=1)].head(1)
    frame = pd.concat([whole, test.drop(whole.index).head(ROWS - 1)], ignore_index=True)
    pipeline = _fitted_pipeline(read_split(paths.processed, "train"), names)
    scores = read_bundle(paths.bundle).score(frame)
    difference = float(np.abs(pipeline.predict_proba(frame)[:, 1] - scores).max())
    if not difference <= TOLERANCE:
        raise RuntimeError(f"bundle and pipeline are not one model: scores differ by up to {difference:.3g}")
    with _quiet():
        pipeline_file = _saved_pipeline(folder, pipeline, frame)
        _save_bundle(folder, paths.bundle, info)
    return Material(
        bundle=paths.bundle,
        mlflow_bundle=folder / "mlflow_bundle",
        mlflow_pipeline=folder / "mlflow_pipeline",
        pipeline_file=pipeline_file,
        rows=records(frame, info.columns),
        scores=scores,
    )


def _trained(folder: Path) -> ArtifactPaths:
    """Run the first three stages with 14 columns and a fixed number of trees."""
    root = folder / "pipeline"
    root.mkdir()
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["feature_engineering"]["columns"] = {name: {"drop": True} for name in LEFT_OUT}
    content["model_training"]["early_stopping"]["enabled"] = False
    content["model_training"]["estimators"]["lightgbm"] |= {**TREES, "n_estimators": ROUNDS}
    (root / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    paths = ArtifactPaths(root)
    with contextlib.redirect_stdout(io.StringIO()):
        data_processing.main(paths)
        feature_engineering.main(paths)
        model_training.main(paths)
    return paths


def _fitted_pipeline(train: ProcessedSplit, names: list[str]) -> Any:
    from lightgbm import LGBMClassifier
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    encode = OneHotEncoder(min_frequency=0.01, handle_unknown="infrequent_if_exist", sparse_output=False)
    transformer = ColumnTransformer(
        [
            ("numeric", numeric, [*NUMERIC, *NUMERIC_OF_THE_LOAN]),
            ("categorical", encode, list(CATEGORICAL)),
            ("boolean", "passthrough", list(BOOLEAN)),
        ]
    )
    classifier = LGBMClassifier(n_estimators=ROUNDS, n_jobs=1, random_state=1, verbose=-1, **TREES)
    return make_pipeline(transformer, classifier).fit(train.features[names], train.labels)


def _saved_pipeline(folder: Path, pipeline: Any, frame: pd.DataFrame) -> Path:
    """Save the pipeline as MLflow's own flavour, scores as its answers, and as a file for a server of one's own."""
    import joblib  # type: ignore[import-untyped]
    import mlflow.sklearn
    from mlflow.models import infer_signature

    mlflow.sklearn.save_model(
        pipeline,
        str(folder / "mlflow_pipeline"),
        pyfunc_predict_fn="predict_proba",
        signature=infer_signature(frame),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn", "lightgbm"],
    )
    file = folder / "pipeline.joblib"
    joblib.dump(pipeline, file)
    return file


def _save_bundle(folder: Path, bundle: Path, info: Any) -> None:
    """Save the bundle as the MLflow model that the publisher makes of it."""
    import mlflow.pyfunc

    scratch = folder / "code"
    scratch.mkdir()
    mlflow.pyfunc.save_model(
        path=str(folder / "mlflow_bundle"),
        python_model=str(SCRIPT),
        artifacts={"bundle": str(bundle.resolve())},
        code_paths=[str(copy_model_code(scratch))],
        signature=mlflow_signature(info),
        pip_requirements=["scikit-learn", "lightgbm"],
    )
    shutil.rmtree(scratch)


@contextlib.contextmanager
def _quiet() -> Any:
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
