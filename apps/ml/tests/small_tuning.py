"""Small problems of tuning for tests: naive Bayes, logistic regression and little boosted trees on made-up loans."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import ProcessedSchema
from apps.ml.experiments.tuning.folds import TuningRows
from apps.ml.experiments.tuning.problem import TuningProblem, make_problem
from apps.ml.features.specification import feature_specification
from apps.ml.parameters import Parameters, check_parameters
from apps.ml.tests import small_loans
from apps.ml.tests.small_pipeline import SMALL_ESTIMATORS

QUICK = {"estimators": ["naive_bayes"], "pruner": "none", "trials": 5}
"""The quickest study there is."""


def parameters(tuning: dict[str, Any], **training: Any) -> Parameters:
    """Return parameters with a section `model_tuning`; `training` adds to `model_training`."""
    return check_parameters(
        {
            "data_processing": {"dataset": "small_loans", "seed": 1},
            "feature_engineering": {},
            "model_training": {"estimator": "lightgbm", "seed": 5, "estimators": SMALL_ESTIMATORS, **training},
            "model_evaluation": {"seed": 1},
            "model_registration": {},
            "model_tuning": tuning,
        }
    )


def rows() -> TuningRows:
    """Training and validation rows of the small loans."""
    return TuningRows.of(small_loans.split("train"), small_loans.split("validation"))


def problem(tuning: dict[str, Any] | None = None, given: TuningRows | None = None, **training: Any) -> TuningProblem:
    """Return a problem on the small loans."""
    asked = parameters(QUICK | (tuning or {}), **training)
    schema: ProcessedSchema = small_loans.schema()
    specification = feature_specification(asked.feature_engineering, schema).to_dict()
    return make_problem(asked, schema, given or rows(), specification, "0" * 64)


def write_section(paths: ArtifactPaths, tuning: dict[str, Any]) -> None:
    """Set `model_tuning` in params.yaml."""
    content = yaml.safe_load(paths.parameters.read_text(encoding="utf-8"))
    content["model_tuning"] = tuning
    paths.parameters.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def with_key(given: TuningRows, key: Any) -> TuningRows:
    """Return the rows with another split key [n]."""
    fields = {**given.__dict__, "split_key": np.asarray(key, dtype=np.int64)}
    return TuningRows(**fields)


def folder_of(tmp: Path, name: str) -> Path:
    """Return a new folder below `tmp`."""
    folder = tmp / name
    folder.mkdir(parents=True)
    return folder
