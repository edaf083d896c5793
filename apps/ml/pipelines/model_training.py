"""Stage 3: fit the estimator, choose the threshold on validation rows, write the bundle.

Test rows are not read. Reads artifacts/01_processed and artifacts/02_features, writes artifacts/03_models/bundle.
"""

import sys
import time

import numpy as np
import numpy.typing as npt

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import ProcessedSplit, read_schema, read_split
from apps.ml.features.tables import TRANSFORMER_FILE, read_feature_schema, read_features
from apps.ml.models.assembly import mitigated_group, model_info, training_rows
from apps.ml.models.bundle import ModelBundle, read_transformer, write_bundle
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.durations import write_fit_duration
from apps.ml.models.progress import fit_progress
from apps.ml.models.reference import summarise
from apps.ml.models.training import TrainedModel, train
from apps.ml.parameters import ModelTraining, read_parameters
from apps.ml.pipelines.stage import run_stage

Matrix = npt.NDArray[np.float64]


def main(paths: ArtifactPaths = ArtifactPaths()) -> None:  # noqa: B008 (frozen)
    """Train the model that params.yaml describes and write its bundle."""
    parameters = read_parameters(paths.parameters).model_training
    schema, features = read_schema(paths.processed), read_feature_schema(paths.features)
    training, validation = read_split(paths.processed, "train"), read_split(paths.processed, "validation")
    group = mitigated_group(parameters.mitigation, schema)
    rows = training_rows(training, _encoded(paths, "train"), group)
    watched = training_rows(validation, _encoded(paths, "validation"), group)
    started = time.perf_counter()
    with fit_progress(_title(parameters, rows.X)) as report:
        trained = train(
            parameters, rows, watched, report, schema.task, group, features.feature_sources, features.feature_names
        )
    seconds = time.perf_counter() - started
    _tell_convergence(parameters, trained)
    info = model_info(parameters, schema, features, trained, group, len(training))
    transformer_file = paths.features / TRANSFORMER_FILE
    bundle = ModelBundle(info, read_transformer(transformer_file), trained.estimator, trained.adjustment)
    reference = _reference(bundle, training)
    write_bundle(paths.bundle, bundle, validation.inputs(info.columns), transformer_file, reference, replace=True)
    write_fit_duration(paths, seconds)


def _encoded(paths: ArtifactPaths, split: str) -> Matrix:
    return np.ascontiguousarray(read_features(paths.features, split).to_numpy(dtype=np.float64))


def _reference(bundle: ModelBundle, rows: ProcessedSplit) -> dict[str, object]:
    frame = rows.inputs(bundle.info.columns)
    answers = bundle.answers(frame)
    return summarise(frame, bundle.info.columns, rows.labels, answers.scores, answers.decisions, rows.groups)


def _title(parameters: ModelTraining, X: Matrix) -> str:
    return f"Fitting {ESTIMATORS[parameters.estimator].title} on {len(X):,} rows, {X.shape[1]} features"


def _tell_convergence(parameters: ModelTraining, trained: TrainedModel) -> None:
    if not trained.converged:
        limit = "members" if hasattr(getattr(parameters.estimators, parameters.estimator), "members") else "max_iter"
        key = f"model_training.estimators.{parameters.estimator}.{limit}"
        print(
            f"warning: {parameters.estimator} stopped at its limit of iterations before it converged; the bundle "
            f"records `converged: false`. Raise {key} or scale the numeric features.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(main)
