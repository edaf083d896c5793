"""Where options are searched: the space declared beside each option, unless `model_tuning.search` says otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from apps.ml.data.processed import Task
from apps.ml.errors import ParameterError
from apps.ml.experiments.tuning.overrides import Searched, hinted, overridden
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.compatibility import require_compatible, why_not
from apps.ml.parameters import ModelTraining, ModelTuning
from apps.ml.parameters.search import Choice, Range, is_whole, search_space

ESTIMATOR = "estimator"
"""Name of the parameter that chooses among several estimators."""

RESOURCE_OPTIONS = ("n_estimators", "max_iter", "max_rounds", "epochs")
"""The options that limit rounds or epochs, under the names that estimators give them."""

FEW_WHOLE_NUMBERS = 20
"""A range of at most so many whole numbers is a grid by itself."""

LARGEST_GRID = 10_000
DIGITS = 6
"""Significant digits of a tried number: as many as people care to read in params.yaml."""


@dataclass(frozen=True)
class Suggested:
    """What one trial tries: an estimator, and its options that differ from params.yaml."""

    estimator: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class SearchSpace:
    """Estimator → its searched options; an estimator of several may have none."""

    options: Mapping[str, tuple[Searched, ...]]

    @property
    def several(self) -> bool:
        """Whether the estimator itself is searched."""
        return len(self.options) > 1

    def parameter(self, estimator: str, option: str) -> str:
        """Name of an option in a study: prefixed where there are several estimators."""
        return f"{estimator}.{option}" if self.several else option

    def suggest(self, trial: Any) -> Suggested:
        """Let an Optuna trial suggest an estimator and its options."""
        names = tuple(self.options)
        chosen = str(trial.suggest_categorical(ESTIMATOR, names)) if self.several else names[0]
        options = {
            each.option: _suggested(trial, self.parameter(chosen, each.option), each) for each in self.options[chosen]
        }
        return Suggested(chosen, options)

    def suggested(self, parameters: Mapping[str, Any]) -> Suggested:
        """Read back what a finished trial tried."""
        chosen = str(parameters[ESTIMATOR]) if self.several else next(iter(self.options))
        return Suggested(
            chosen,
            {
                each.option: _written(parameters[self.parameter(chosen, each.option)], each.dimension)
                for each in self.options[chosen]
            },
        )

    def grid(self) -> list[dict[str, Any]]:
        """Return every point of the grid as parameters of a trial.

        Raises
        ------
        ParameterError
            A range has no stated number of points, or there are more than :data:`LARGEST_GRID` points.
        """
        values = {name: [_grid_values(name, each) for each in options] for name, options in self.options.items()}
        points = sum(int(np.prod([len(one) for one in lists], initial=1)) for lists in values.values())
        if points > LARGEST_GRID:
            raise ParameterError(
                f"model_tuning.sampler grid: the grid has {points:,} points, at most {LARGEST_GRID:,} are searched. "
                "Give fewer values under model_tuning.search, or choose the sampler random or tpe."
            )
        return [point for name, lists in values.items() for point in self._points(name, lists)]

    def _points(self, estimator: str, lists: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        names = [self.parameter(estimator, each.option) for each in self.options[estimator]]
        chosen = {ESTIMATOR: estimator} if self.several else {}
        return [{**chosen, **dict(zip(names, values, strict=True))} for values in product(*lists)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {name: {each.option: each.to_dict() for each in options} for name, options in self.options.items()}


def tuning_space(tuning: ModelTuning, training: ModelTraining, task: Task) -> SearchSpace:
    """Return where a study searches.

    Raises
    ------
    ParameterError
        An estimator or option does not exist, an estimator does not go with the label or the mitigation, a space is
        impossible, or nothing is left to search.
    """
    for name, overrides in tuning.search.items():
        _known(name, "model_tuning.search")
        _declared(name, overrides)
    names = tuning.estimators or (training.estimator,)
    if len(set(names)) < len(names):
        raise ParameterError("model_tuning.estimators names an estimator twice. Name each once.")
    for name in names:
        _known(name, "model_tuning.estimators")
        _require_fitting(name, training, task)
    found = {name: _declared(name, tuning.search.get(name, {})) for name in names}
    if len(names) == 1 and not found[names[0]]:
        raise ParameterError(
            f"model_tuning: there is nothing to search for {names[0]}. Give a range under "
            f"model_tuning.search.{names[0]}, or name several estimators under model_tuning.estimators."
        )
    return SearchSpace(found)


def resource_option(estimator: str) -> str | None:
    """Return the name of the option that limits an estimator's rounds or epochs; None where it is fitted at once."""
    from apps.ml.parameters import Estimators

    entry = ESTIMATORS[estimator]
    if entry.resource == "rows":
        return None
    options: Any = Estimators.model_fields[estimator].annotation
    return next((name for name in RESOURCE_OPTIONS if name in options.model_fields), None)


def _known(name: str, key: str) -> None:
    if name not in ESTIMATORS:
        hint = hinted(name, list(ESTIMATORS))
        raise ParameterError(f"{key}: there is no estimator '{name}'{hint} Name one that there is.")


def _require_fitting(name: str, training: ModelTraining, task: Task) -> None:
    reason = why_not(name, training.mitigation.method, task)
    if reason:
        raise ParameterError(
            f"model_tuning.estimators: {name} cannot be tuned here: {reason}. Leave it out, or change "
            "model_training.mitigation.method."
        )
    require_compatible(training.model_copy(update={"estimator": name}), task)


def _declared(estimator: str, overrides: Mapping[str, Any]) -> tuple[Searched, ...]:
    from apps.ml.parameters import Estimators

    options: Any = Estimators.model_fields[estimator].annotation
    for option in overrides:
        if option not in options.model_fields:
            hint = hinted(option, list(options.model_fields))
            raise ParameterError(
                f"model_tuning.search.{estimator}: {estimator} has no option '{option}'{hint} Name one that it has."
            )
        if option == resource_option(estimator):
            raise ParameterError(
                f"model_tuning.search.{estimator}.{option}: the number of rounds is found by growing. Remove it, and "
                "limit it by model_tuning.resource.maximum."
            )
    declared = search_space(options)
    found = []
    for option in options.model_fields:
        if option in overrides and overrides[option] is not None:
            found.append(overridden(options, estimator, option, overrides[option]))
        elif option in declared and option not in overrides:
            found.append(Searched(option, declared[option], is_whole(options, option)))
    return tuple(found)


def _suggested(trial: Any, name: str, searched: Searched) -> Any:
    dimension = searched.dimension
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(name, dimension.values)
    if searched.whole:
        return trial.suggest_int(name, int(dimension.low), int(dimension.high), log=dimension.log)
    return _written(trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log), dimension)


def _written(value: Any, dimension: Any) -> Any:
    """Return a number as params.yaml will hold it, so that it is the number that was tried."""
    if not isinstance(value, float) or not isinstance(dimension, Range):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), dimension.low), dimension.high)


def _grid_values(estimator: str, searched: Searched) -> list[Any]:
    dimension = searched.dimension
    if isinstance(dimension, Choice):
        return list(dimension.values)
    whole_numbers = dimension.high - dimension.low + 1
    if searched.points is not None:
        return _spaced(dimension, searched.points, searched.whole)
    if searched.whole and not dimension.log and whole_numbers <= FEW_WHOLE_NUMBERS:
        return list(range(int(dimension.low), int(dimension.high) + 1))
    raise ParameterError(
        f"model_tuning.sampler grid: {estimator}.{searched.option} is a range without a number of points. Write "
        f"model_tuning.search.{estimator}.{searched.option}: {{low: {dimension.low:g}, high: {dimension.high:g}, "
        f"log: {str(dimension.log).lower()}, points: 4}}, or {{values: […]}}, or null to leave it as it is."
    )


def _spaced(dimension: Range, points: int, whole: bool) -> list[Any]:
    spaced = np.geomspace if dimension.log else np.linspace
    values = [float(value) for value in spaced(dimension.low, dimension.high, points)]
    values[0], values[-1] = float(dimension.low), float(dimension.high)
    return sorted({round(value) for value in values}) if whole else values
