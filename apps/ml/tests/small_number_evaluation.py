"""A small evaluation of predicted wages: a trained model, the record about it, and its drawings, each made once."""

import atexit
import copy
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_schema, read_split
from apps.ml.evaluation.assessed_model import AssessedModel
from apps.ml.evaluation.evidence import assemble_evidence
from apps.ml.evaluation.model_assessment import assess_model
from apps.ml.evaluation.plots.drawing import Drawings, draw_all
from apps.ml.features.tables import read_features
from apps.ml.models.bundle import read_bundle
from apps.ml.parameters import ModelEvaluation
from apps.ml.pipelines import feature_engineering, model_training
from apps.ml.tests import small_pipeline, small_wages

SMALL: dict[str, Any] = {
    "seed": 1,
    "conditional_on": ["trade"],
    "explanations": {
        "background_rows": 50,
        "global_rows": 120,
        "local_rows": 2,
        "lime_samples": 100,
        "permutation_repeats": 2,
        "effect_points": 5,
        "ice_rows": 3,
        "effect_columns": 3,
    },
}
PARAMETERS = ModelEvaluation.model_validate(SMALL)


def trained(root: Path, **training: Any) -> ArtifactPaths:
    """Write in `root` what the first three stages leave behind for the wages."""
    paths = small_pipeline.write_parameters(root, **training)
    content = yaml.safe_load(paths.parameters.read_text(encoding="utf-8"))
    content["data_processing"]["dataset"] = "small_wages"
    content["model_evaluation"] = SMALL
    paths.parameters.write_text(yaml.safe_dump(content), encoding="utf-8")
    small_wages.write_processed(paths.processed)
    feature_engineering.main(paths)
    model_training.main(paths)
    return paths


@cache
def template() -> ArtifactPaths:
    """The wages with a trained model, in a folder that is removed at the end; copy it and leave it as it is."""
    folder = Path(tempfile.mkdtemp(prefix="fairmind-small-wages-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return trained(folder)


@cache
def assessed_model() -> AssessedModel:
    """The trained model with its test and training rows."""
    paths = template()
    bundle, test = read_bundle(paths.bundle), read_split(paths.processed, "test")
    return AssessedModel(
        bundle=bundle,
        schema=read_schema(paths.processed),
        test=test,
        encoded=bundle.encode(test.inputs(bundle.info.columns)),
        training=read_split(paths.processed, "train"),
        encoded_training=read_features(paths.features, "train").to_numpy(dtype=np.float64),
    )


def measured_record() -> dict[str, Any]:
    """The evidence record of the wages, measured anew."""
    model = assessed_model()
    findings = assess_model(model, PARAMETERS).findings
    return assemble_evidence(model.bundle.info, "1" * 64, model.schema, PARAMETERS, findings)


@cache
def _record() -> dict[str, Any]:
    return measured_record()


def record() -> dict[str, Any]:
    """The evidence record of the wages, measured once and copied."""
    return copy.deepcopy(_record())


@cache
def drawings() -> Drawings:
    """All pictures and tables of it, drawn once."""
    return draw_all(record())
