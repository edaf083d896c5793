"""Search spaces: declared, overridden, conditional, and refused where nothing can be searched."""

from typing import Any

import optuna
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.errors import ParameterError
from apps.ml.experiments.tuning.spaces import SearchSpace, resource_option, tuning_space
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.tests.small_tuning import parameters


def space(tuning: dict[str, Any]) -> SearchSpace:
    asked = parameters(tuning)
    return tuning_space(asked.model_tuning, asked.model_training, CLASSIFICATION)


def test_without_estimators_the_trained_one_is_searched_in_its_declared_space() -> None:
    found = space({}).to_dict()
    assert list(found) == ["lightgbm"]
    assert found["lightgbm"]["num_leaves"] == {"low": 7, "high": 127, "log": True, "whole": True}
    assert "n_estimators" not in found["lightgbm"]


def test_overrides_narrow_fix_and_add_options() -> None:
    search = {"lightgbm": {"num_leaves": [4, 8], "subsample": None, "reg_lambda": {"values": [0.1, 1.0]}}}
    found = space({"search": search}).to_dict()["lightgbm"]
    assert found["num_leaves"] == {"low": 4.0, "high": 8.0, "log": False, "whole": True}
    assert found["reg_lambda"] == {"values": [0.1, 1.0]}
    assert "subsample" not in found


def test_several_estimators_make_a_conditional_space() -> None:
    several = space({"estimators": ["naive_bayes", "logistic_regression"]})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(8):
        trial = study.ask()
        suggested = several.suggest(trial)
        assert set(trial.params) == {"estimator", *(f"{suggested.estimator}.{name}" for name in suggested.options)}
        assert several.suggested(trial.params) == suggested
    assert {trial.params["estimator"] for trial in study.trials} == {"naive_bayes", "logistic_regression"}


def test_whole_numbers_are_suggested_whole_and_other_numbers_short() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    options = space({}).suggest(study.ask()).options
    assert isinstance(options["num_leaves"], int)
    assert options["learning_rate"] == float(f"{options['learning_rate']:.6g}")


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"C": [1.0, 1.0]}, "low 1 is not below high 1"),
        ({"C": {"low": 0, "high": 1, "log": True}}, "low must be above 0"),
        ({"C": [-1.0, 1.0]}, "-1.0 is not accepted by the option"),
        ({"C": [1.0]}, "this one 1 entries"),
        ({"C": ["a", "b"]}, "for words write"),
        ({"C": {"low": 1, "hihg": 2}}, "did you mean 'high'"),
        ({"C": {"values": [1.0]}}, "at least two values"),
        ({"C": {"values": [1.0, -2.0]}}, "-2.0 is not accepted"),
        ({"C": {"values": [1.0, [2.0]]}}, "only words, numbers"),
        ({"D": [1.0, 2.0]}, "has no option 'D'"),
        ({"max_iter": [10.5, 20.0]}, "10.5 is not accepted"),
    ],
)
def test_an_impossible_space_is_refused_with_its_path(search: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as refused:
        space({"estimators": ["logistic_regression"], "search": {"logistic_regression": search}})
    assert "model_tuning.search.logistic_regression" in str(refused.value)


def test_unknown_estimators_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(ParameterError, match="did you mean 'lightgbm'"):
        space({"estimators": ["lightgmb"]})
    with pytest.raises(ParameterError, match="there is no estimator"):
        space({"search": {"nothing": {}}})
    with pytest.raises(ParameterError, match="names an estimator twice"):
        space({"estimators": ["lightgbm", "lightgbm"]})


def test_an_estimator_for_another_label_is_refused() -> None:
    asked = parameters({"estimators": ["naive_bayes"]})
    with pytest.raises(ParameterError, match=r"naive_bayes cannot be tuned here: .* numeric label"):
        tuning_space(asked.model_tuning, asked.model_training, REGRESSION)


def test_nothing_to_search_is_refused() -> None:
    fixed = {"naive_bayes": {"var_smoothing": None}}
    with pytest.raises(ParameterError, match="nothing to search for naive_bayes"):
        space({"estimators": ["naive_bayes"], "search": fixed})


def test_the_number_of_rounds_is_no_searched_option() -> None:
    with pytest.raises(ParameterError, match="found by growing"):
        space({"search": {"lightgbm": {"n_estimators": [10, 20]}}})


def test_a_grid_holds_every_combination_and_needs_points() -> None:
    search = {"C": {"low": 0.01, "high": 1.0, "log": True, "points": 3}, "max_iter": {"values": [100, 200]}}
    grid = space({"estimators": ["logistic_regression"], "search": {"logistic_regression": search}}).grid()
    assert len(grid) == 6
    assert sorted({point["C"] for point in grid}) == pytest.approx([0.01, 0.1, 1.0])
    with pytest.raises(ParameterError, match="a range without a number of points"):
        space({"estimators": ["logistic_regression"]}).grid()


def test_a_grid_too_large_to_search_is_refused() -> None:
    names = ("num_leaves", "min_child_samples", "learning_rate", "subsample", "colsample_bytree", "reg_lambda")
    search: dict[str, Any] = {name: {"values": [*range(10, 20)]} for name in names[:2]}
    search |= {name: {"low": 0.3, "high": 0.9, "points": 10} for name in names[2:]}
    with pytest.raises(ParameterError, match="the grid has 1,000,000 points"):
        space({"search": {"lightgbm": search}}).grid()


def test_every_estimator_that_grows_has_an_option_that_limits_it() -> None:
    assert [name for name, entry in ESTIMATORS.items() if entry.grow and resource_option(name) is None] == []
