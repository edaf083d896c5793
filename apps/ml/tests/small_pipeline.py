"""The first stages on the small made-up data set, in the folder of a test."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.pipelines import feature_engineering, model_training
from apps.ml.tests import small_loans

SMALL_MACHINE = {"max_rounds": 150, "outer_bags": 2, "interactions": 2}
SMALL_XGBOOST = {"n_estimators": 80, "max_depth": 3}
SMALL_ESTIMATORS: dict[str, Any] = {
    "random_forest": {"n_estimators": 30, "min_samples_leaf": 10},
    "extra_trees": {"n_estimators": 30, "min_samples_leaf": 10},
    "hist_gradient_boosting": {"max_iter": 40, "max_leaf_nodes": 5},
    "lightgbm": {"n_estimators": 80, "num_leaves": 5},
    "xgboost": SMALL_XGBOOST,
    "explainable_boosting": SMALL_MACHINE,
    "mlp": {"hidden_units": 8, "epochs": 10},
    "voting": {
        "members": [
            {"estimator": "xgboost", "options": SMALL_XGBOOST},
            {"estimator": "explainable_boosting", "options": SMALL_MACHINE},
        ]
    },
    "stacking": {
        "members": [
            {"estimator": "logistic_regression"},
            {"estimator": "lightgbm", "options": {"n_estimators": 40, "num_leaves": 5}},
        ],
        "folds": 2,
    },
}


def write_parameters(root: Path, estimator: str = "lightgbm", **training: Any) -> ArtifactPaths:
    """Write a params.yaml below `root`; `training` adds to or replaces keys of `model_training`."""
    section = {"estimator": estimator, "seed": 5, "estimators": SMALL_ESTIMATORS, **training}
    content = {
        "data_processing": {"dataset": "small_loans", "seed": 1},
        "feature_engineering": {},
        "model_training": section,
        "model_evaluation": {"seed": 1},
        "model_registration": {},
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return ArtifactPaths(root)


def with_features(root: Path) -> ArtifactPaths:
    """Write what the first two stages leave behind."""
    paths = write_parameters(root)
    small_loans.write_processed(paths.processed)
    feature_engineering.main(paths)
    return paths


def trained(prepared: ArtifactPaths, root: Path, estimator: str = "lightgbm", **training: Any) -> ArtifactPaths:
    """Train in `root` on a copy of what :func:`with_features` prepared."""
    paths = write_parameters(root, estimator, **training)
    shutil.copytree(prepared.artifacts, paths.artifacts, dirs_exist_ok=True)
    model_training.main(paths)
    return paths
