"""Stage 3: fit the estimator, choose the threshold on validation rows, write the bundle.

Test rows are not read. Reads artifacts/01_processed and artifacts/02_features, writes artifacts/03_models/bundle.
"""

import sys

import numpy as np
import numpy.typing as npt

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import ProcessedSchema, ProcessedSplit, read_schema, read_split
from apps.ml.features.tables import TRANSFORMER_FILE, FeatureSchema, read_feature_schema, read_features
from apps.ml.models.bundle import BundleInfo, ModelBundle, read_transformer, write_bundle
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.progress import fit_progress
from apps.ml.models.reference import summarise
from apps.ml.models.thresholds import choose_threshold
from apps.ml.models.training import TrainedModel, train
from apps.ml.parameters import ModelTraining, read_parameters
from apps.ml.pipelines.stage import run_stage

Matrix = npt.NDArray[np.float64]


def main(paths: ArtifactPaths = ArtifactPaths()) -> None:  # noqa: B008 (frozen)
    """Train the model that params.yaml describes and write its bundle."""
    parameters = read_parameters(paths.parameters).model_training
    schema, features = read_schema(paths.processed), read_feature_schema(paths.features)
    training, validation = read_split(paths.processed, "train"), read_split(paths.processed, "validation")
    X_train, X_validation = _encoded(paths, "train"), _encoded(paths, "validation")
    with fit_progress(_title(parameters, X_train)) as report:
        trained = train(parameters, X_train, training.labels, X_validation, validation.labels, report)
    _tell_convergence(parameters, trained)
    threshold = choose_threshold(parameters.threshold, validation.labels, trained.scores(X_validation))
    info = _info(parameters, schema, features, trained, threshold, len(training))
    transformer_file = paths.features / TRANSFORMER_FILE
    bundle = ModelBundle(info, read_transformer(transformer_file), trained.estimator)
    reference = _reference(bundle, X_train, training)
    write_bundle(paths.bundle, bundle, validation.features, transformer_file, reference, replace=True)


def _encoded(paths: ArtifactPaths, split: str) -> Matrix:
    return np.ascontiguousarray(read_features(paths.features, split).to_numpy(dtype=np.float64))


def _info(
    parameters: ModelTraining,
    schema: ProcessedSchema,
    features: FeatureSchema,
    trained: TrainedModel,
    threshold: float,
    training_rows: int,
) -> BundleInfo:
    return BundleInfo(
        dataset=schema.dataset,
        title=schema.title,
        estimator=parameters.estimator,
        threshold=threshold,
        threshold_rule=parameters.threshold.rule,
        favourable=schema.favourable,
        positive_name=schema.positive_name,
        negative_name=schema.negative_name,
        columns=features.columns,
        feature_names=features.feature_names,
        feature_sources=features.feature_sources,
        uses_sensitive=features.uses_sensitive,
        rounds=trained.rounds,
        training_rows=training_rows,
        converged=trained.converged,
    )


def _reference(bundle: ModelBundle, X: Matrix, rows: ProcessedSplit) -> dict[str, object]:
    scores = bundle.score_encoded(X)
    return summarise(rows.features, bundle.info.columns, rows.labels, scores, bundle.decide(scores), rows.groups)


def _title(parameters: ModelTraining, X: Matrix) -> str:
    return f"Fitting {ESTIMATORS[parameters.estimator].title} on {len(X):,} rows, {X.shape[1]} features"


def _tell_convergence(parameters: ModelTraining, trained: TrainedModel) -> None:
    if not trained.converged:
        key = f"model_training.estimators.{parameters.estimator}.max_iter"
        print(
            f"warning: {parameters.estimator} stopped at its limit of iterations before it converged; the bundle "
            f"records `converged: false`. Raise {key} or scale the numeric features.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(main)
