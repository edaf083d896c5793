"""Small bundles of every estimator, mitigation and kind of label, trained and stored in a folder of a test."""

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, ProcessedSplit, Task
from apps.ml.features.specification import feature_specification, input_columns
from apps.ml.features.tables import FeatureSchema
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.models.assembly import mitigated_group, model_info, training_rows
from apps.ml.models.bundle import ModelBundle, read_bundle, write_bundle
from apps.ml.models.training import train
from apps.ml.parameters import FeatureEngineering, ModelTraining
from apps.ml.tests import small_loans, small_wages

ROWS = 250
DATA: dict[Task, ModuleType] = {CLASSIFICATION: small_loans, REGRESSION: small_wages}
LINEAR = {CLASSIFICATION: "logistic_regression", REGRESSION: "linear_regression"}
BOOSTED = {"n_estimators": 12, "num_leaves": 6, "learning_rate": 0.3}
TINY: dict[str, Any] = {
    **{forest: {"n_estimators": 5, "max_depth": 5} for forest in ("random_forest", "extra_trees")},
    "hist_gradient_boosting": {"max_iter": 8, "max_leaf_nodes": 6, "learning_rate": 0.3},
    "lightgbm": BOOSTED,
    "xgboost": {"n_estimators": 8, "max_depth": 3, "learning_rate": 0.3},
    "explainable_boosting": {"max_rounds": 20, "outer_bags": 1, "interactions": 1, "learning_rate": 0.1},
    "mlp": {"hidden_units": 4, "epochs": 4, "learning_rate": 0.01},
}
SMALL_MITIGATION: dict[str, dict[str, Any]] = {
    "exponentiated_gradient": {"max_iter": 3},
    "grid_search": {"grid_size": 5},
    "threshold_optimizer": {"grid_size": 50},
    **{folded: {"folds": 2} for folded in ("group_thresholds", "blind_post_processing", "fair_boosting")},
}


def stored_bundle(folder: Path, estimator: str, task: Task = CLASSIFICATION, **more: Any) -> ModelBundle:
    """Train a bundle, store it in `folder`, and return it as it is read; `more` are keys of `model_training`."""
    parameters = ModelTraining.model_validate({**_section(estimator, task), **more})
    schema, (transformer, features) = DATA[task].schema(), _features(task)
    group = mitigated_group(parameters.mitigation, schema)
    training, validation = _split(task, "train"), _split(task, "validation")
    rows, watched = (
        training_rows(split, transformer.transform(split.features), group) for split in (training, validation)
    )
    trained = train(
        parameters,
        rows,
        watched,
        task=task,
        group=group,
        feature_sources=features.feature_sources,
        feature_names=features.feature_names,
    )
    info = model_info(parameters, schema, features, trained, group, len(training))
    bundle = ModelBundle(info, transformer, trained.estimator, trained.adjustment)
    write_bundle(folder, bundle, validation.inputs(info.columns))
    return read_bundle(folder)


def mitigated(method: str, task: Task = CLASSIFICATION) -> dict[str, Any]:
    """Return the keys of `model_training` for a mitigation, with a tolerance so wide that few rows can be within it."""
    constraint = "equalized_odds" if task == CLASSIFICATION else "bounded_group_loss"
    chosen = {"method": method, "attribute": "sex", "constraint": constraint, "tolerance": 0.3}
    return (
        {"mitigation": chosen | {"options": {method: SMALL_MITIGATION.get(method, {})}}}
        if (method in SMALL_MITIGATION)
        else {"mitigation": chosen}
    )


def held_out(bundle: ModelBundle, rows: int = 60) -> Any:
    """Return a typed frame of rows that no bundle has seen."""
    return _split(bundle.info.task, "test").inputs(bundle.info.columns).iloc[:rows].reset_index(drop=True)


def _section(estimator: str, task: Task) -> dict[str, Any]:
    members = [{"estimator": LINEAR[task]}, {"estimator": "lightgbm", "options": BOOSTED}]
    ensembles = {"voting": {"members": members}, "stacking": {"members": members, "folds": 2}}
    return {
        "estimator": estimator,
        "seed": 5,
        "estimators": {**TINY, **ensembles},
        "early_stopping": {"rounds": 2},
        "calibration": {"folds": 2},
    }


@cache
def _features(task: Task) -> tuple[FeatureTransformer, FeatureSchema]:
    schema, parameters, training = DATA[task].schema(), FeatureEngineering(), _split(task, "train")
    transformer = FeatureTransformer(feature_specification(parameters, schema).to_dict())
    transformer.fit(training.features, training.labels)
    columns = input_columns(parameters, schema)
    names, sources = transformer.feature_names_, transformer.feature_sources_
    return transformer, FeatureSchema(columns, names, sources, uses_sensitive=False)


@cache
def _split(task: Task, name: str) -> ProcessedSplit:
    """The first rows of a split; of some of them nobody knows the sex."""
    whole = DATA[task].split(name)
    groups = whole.groups.iloc[:ROWS].copy()
    groups.loc[groups.index[::17], "sex"] = "unknown"
    features, held = whole.features.iloc[:ROWS], whole.held_out.iloc[:ROWS]
    return ProcessedSplit(features, whole.labels[:ROWS], groups, np.asarray(whole.rows[:ROWS]), held)
