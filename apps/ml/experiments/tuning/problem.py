"""What a study searches on: the folds, encoded once and shared by all trials, and everything that a trial is told.

Features are fitted anew on each fold's training rows, so that no encoding has seen a row that measures: neither its
values nor, where categories are encoded by the labels, its label.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import ProcessedSchema, Task, read_schema, read_split
from apps.ml.errors import DataError, ParameterError
from apps.ml.experiments.tuning.folds import (
    Division,
    Method,
    TuningRows,
    divided,
    nested_order,
    resolved_method,
    strata_of,
)
from apps.ml.experiments.tuning.ladder import Ladder, ladder
from apps.ml.experiments.tuning.losses import Loss, loss_named
from apps.ml.experiments.tuning.resources import grows, resource_of, units_available
from apps.ml.experiments.tuning.spaces import SearchSpace, resource_option, tuning_space
from apps.ml.experiments.tuning.unfairness import Unfairness, unfairness_of
from apps.ml.features.tables import TRANSFORMER_FILE
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.files import sha256_of_file, sha256_of_json
from apps.ml.models.assembly import mitigated_group
from apps.ml.models.bundle import read_transformer
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.group_input import GroupInput
from apps.ml.models.training import TrainingRows
from apps.ml.parameters import ModelTraining, ModelTuning, Parameters

PARTS_OF_IDENTITY = ("data", "features", "space", "settings")
BUDGETS = ("trials", "seconds", "pick", "search", "estimators")
"""Keys of `model_tuning` that change no trial, or whose effect stands in the space."""


@dataclass(frozen=True)
class EncodedFold:
    """One fold with its features encoded.

    `watched` has no rows where nothing needs them. `order`: int64 [n], the fitted rows in an order whose beginnings are
    the samples of growing size. `groups`: names [m] of the measured rows' groups, None where no gap is measured.
    `sources`: the input column of each encoded feature.
    """

    fit: TrainingRows
    watched: TrainingRows
    measured: TrainingRows
    order: npt.NDArray[np.int64]
    groups: tuple[str, ...] | None
    sources: tuple[str, ...]


@dataclass(frozen=True)
class TuningProblem:
    """Everything that trials share. `identity`: what it is made of → digest; `method`: how the rows were divided."""

    schema: ProcessedSchema
    training: ModelTraining
    tuning: ModelTuning
    space: SearchSpace
    unfairness: Unfairness | None
    method: Method
    folds: tuple[EncodedFold, ...]
    group: GroupInput | None
    identity: dict[str, str]

    @property
    def task(self) -> Task:
        """Kind of the label."""
        return self.schema.task

    @property
    def loss(self) -> Loss:
        """What is made small."""
        return loss_named(self.tuning.metric, self.task)

    @property
    def prunes(self) -> bool:
        """Whether trials are given up on the way: never where two things are made small, for neither is above the
        other."""
        return self.tuning.pruner != "none" and self.unfairness is None

    @property
    def name(self) -> str:
        """Name of the study: the data set and the beginning of the digest of all that it searches on."""
        return f"{self.schema.dataset}-{sha256_of_json(self.identity)[:12]}"

    def ladder(self, estimator: str) -> Ladder:
        """Return the rungs of an estimator."""
        training = self.training.model_copy(update={"estimator": estimator})
        available = units_available(training, self.task, max(len(fold.fit.labels) for fold in self.folds))
        return ladder(self.tuning.resource, available, resource_of(training, self.task), self.prunes)

    @property
    def levels(self) -> int:
        """Rungs of the longest ladder."""
        return max(len(self.ladder(name).rungs) for name in self.space.options)


def read_problem(paths: ArtifactPaths, parameters: Parameters) -> TuningProblem:
    """Read what the first two stages left behind and encode the folds.

    Raises
    ------
    DataError
        A file is missing (`dvc repro` writes it), or the rows do not allow the folds.
    ParameterError
        The section `model_tuning` asks for something impossible.
    """
    splits = [read_split(paths.processed, name) for name in ("train", "validation")]
    schema = read_schema(paths.processed)
    if not (paths.features / TRANSFORMER_FILE).exists():
        raise DataError(f"{paths.features / TRANSFORMER_FILE} does not exist. Run `dvc repro feature_engineering`.")
    transformer: Any = read_transformer(paths.features / TRANSFORMER_FILE)
    specification = transformer.specification
    files = {name: _digest(paths.processed, f"{name}.parquet") for name in ("train", "validation")}
    return make_problem(parameters, schema, TuningRows.of(splits[0], splits[1]), specification, sha256_of_json(files))


def make_problem(
    parameters: Parameters, schema: ProcessedSchema, rows: TuningRows, specification: dict[str, Any], data: str
) -> TuningProblem:
    """Encode the folds; `data` is the digest of the rows."""
    tuning, training = parameters.model_tuning, parameters.model_training
    space = tuning_space(tuning, training, schema.task)
    loss = loss_named(tuning.metric, schema.task)
    unfairness = unfairness_of(tuning, schema, parameters.model_evaluation.minimum_group_size)
    group = mitigated_group(training.mitigation, schema)
    _require_one_unit(tuning, training, space, schema.task)
    watch = _needs_watched_rows(training, space, loss, unfairness, schema.task)
    divisions = divided(rows, tuning.validation, schema.task, watch, tuning.seed)
    folds = tuple(
        _encoded(rows, division, specification, schema.task, group, unfairness, tuning.seed) for division in divisions
    )
    settings = {
        "training": _unsearched(training, space),
        "rungs": _available(training, space, schema.task, folds),
        "tuning": tuning.model_dump(mode="json", exclude=set(BUDGETS)),
        "minimum_group_size": parameters.model_evaluation.minimum_group_size,
    }
    identity = {
        "data": data,
        "features": sha256_of_json(specification),
        "space": sha256_of_json(space.to_dict()),
        "settings": sha256_of_json(settings),
    }
    method = resolved_method(tuning.validation, rows)
    return TuningProblem(schema, training, tuning, space, unfairness, method, folds, group, identity)


def _unsearched(training: ModelTraining, space: SearchSpace) -> dict[str, Any]:
    """What of `model_training` stays as it is in every trial."""
    content = training.model_dump(mode="json", exclude={"estimator", "estimators"})
    for name, searched in space.options.items():
        changing = {each.option for each in searched} | {resource_option(name)}
        options = getattr(training.estimators, name).model_dump(mode="json")
        content[name] = {key: value for key, value in options.items() if key not in changing}
    return content


def _available(
    training: ModelTraining, space: SearchSpace, task: Task, folds: tuple[EncodedFold, ...]
) -> dict[str, int]:
    rows = max(len(fold.fit.labels) for fold in folds)
    return {
        name: units_available(training.model_copy(update={"estimator": name}), task, rows) for name in space.options
    }


def _digest(folder: Path, name: str) -> str:
    return sha256_of_file(folder / name)


def _require_one_unit(tuning: ModelTuning, training: ModelTraining, space: SearchSpace, task: Task) -> None:
    """A stated minimum or maximum is in one unit."""
    units = {name: resource_of(training.model_copy(update={"estimator": name}), task) for name in space.options}
    if len(set(units.values())) > 1 and (tuning.resource.minimum or tuning.resource.maximum):
        listed = ", ".join(f"{name}: {unit}" for name, unit in units.items())
        raise ParameterError(
            f"model_tuning.resource: minimum and maximum would mean different things to the estimators ({listed}). "
            "Set both to 0, or tune them apart."
        )


def _needs_watched_rows(
    training: ModelTraining, space: SearchSpace, loss: Loss, unfairness: Unfairness | None, task: Task
) -> bool:
    """Whether any trial chooses a threshold, mitigates on validation rows, or stops early by itself."""
    decides = loss.needs_decisions or unfairness is not None
    stops = training.early_stopping.enabled and any(
        ESTIMATORS[name].grows_in_rounds and not grows(training.model_copy(update={"estimator": name}), task)
        for name in space.options
    )
    return (decides and training.threshold.rule != "fixed") or training.mitigation.method != "none" or stops


def _encoded(
    rows: TuningRows,
    division: Division,
    specification: dict[str, Any],
    task: Task,
    group: GroupInput | None,
    unfairness: Unfairness | None,
    seed: int,
) -> EncodedFold:
    transformer = FeatureTransformer(specification)
    features, labels = rows.features, rows.labels
    fitted = transformer.fit_transform(features.iloc[division.fit], labels[division.fit])
    codes = None if group is None else group.codes(rows.groups[group.attribute]).astype(np.int64)

    def part(positions: npt.NDArray[np.int64], X: npt.NDArray[np.float64]) -> TrainingRows:
        return TrainingRows(X, labels[positions], None if codes is None else codes[positions])

    def other(positions: npt.NDArray[np.int64]) -> TrainingRows:
        if not len(positions):
            return part(positions, np.empty((0, fitted.shape[1])))
        return part(positions, transformer.transform(features.iloc[positions]))

    fit = part(division.fit, np.ascontiguousarray(fitted))
    strata = strata_of(fit.labels, task)
    if fit.codes is not None:
        strata = strata * (int(fit.codes.max()) + 2) + fit.codes + 1
    names = None if unfairness is None else rows.groups[unfairness.attribute].to_numpy()[division.measured]
    return EncodedFold(
        fit,
        other(division.watched),
        other(division.measured),
        nested_order(strata, seed),
        None if names is None else tuple(str(name) for name in names),
        transformer.feature_sources_,
    )
