"""Parameters, catalogue and behaviour say the same of every estimator."""

from typing import get_args

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.growing import Growing
from apps.ml.models.parts.part import ExplainedPart
from apps.ml.parameters import EstimatorName
from apps.ml.parameters.estimators import MEMBER_OPTIONS, Estimators, Member
from apps.ml.parameters.search import Choice, search_space
from apps.ml.tests.code.models.fit_requests import fit_request, fitted

SMALL = {
    "lightgbm": {"n_estimators": 5},
    "xgboost": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 5},
    "random_forest": {"n_estimators": 3},
    "extra_trees": {"n_estimators": 3},
    "explainable_boosting": {"max_rounds": 5, "outer_bags": 1, "interactions": 1},
    "mlp": {"epochs": 2},
}
ENSEMBLES = ("voting", "stacking")
NUMBER_MEMBERS = {
    "members": [{"estimator": "linear_regression"}, {"estimator": "lightgbm", "options": SMALL["lightgbm"]}]
}
CASES = [(name, task) for name, entry in ESTIMATORS.items() for task in entry.tasks]


def test_parameters_catalogue_and_members_name_the_same_estimators() -> None:
    assert list(ESTIMATORS) == list(Estimators.model_fields) == list(get_args(EstimatorName))
    single = {name: field.annotation for name, field in Estimators.model_fields.items() if name not in ENSEMBLES}
    assert dict(MEMBER_OPTIONS) == single


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_declared_goes_together(name: str) -> None:
    entry, options = ESTIMATORS[name], Estimators.model_fields[name].annotation
    assert options is not None
    assert (entry.grow is None) == (entry.resource == "rows")
    assert entry.largest_rows is None or entry.largest_rows in options.model_fields
    assert entry.tasks
    assert entry.title


@pytest.mark.parametrize("name", MEMBER_OPTIONS)
def test_every_choice_and_both_ends_of_every_range_are_accepted(name: str) -> None:
    for option, space in search_space(MEMBER_OPTIONS[name]).items():
        whole = MEMBER_OPTIONS[name].model_fields[option].annotation is int
        ends = space.values if isinstance(space, Choice) else (space.low, space.high)
        for value in ends:
            chosen = Member(estimator=name, options={option: int(value) if whole else value}).chosen
            assert getattr(chosen, option) == value


@pytest.mark.parametrize(("name", "task"), CASES)
def test_each_fits_weighted_rows_and_explains_itself_where_it_is_declared(name: str, task: Task) -> None:
    entry = ESTIMATORS[name]
    options = SMALL.get(name, NUMBER_MEMBERS if name in ENSEMBLES and task == REGRESSION else {})
    request = fit_request(task, weights=np.linspace(0.5, 2.0, 400))
    found = fitted(name, options, request)
    assert entry.takes_weights
    assert (found.rounds is not None) == entry.grows_in_rounds
    assert isinstance(found.estimator, ExplainedPart) == entry.exact_contributions


@pytest.mark.parametrize("name", [name for name, entry in ESTIMATORS.items() if entry.grow is not None])
def test_what_grows_counts_what_it_spent(name: str) -> None:
    entry = ESTIMATORS[name]
    assert entry.grow is not None
    growing: Growing = entry.grow(getattr(Estimators(), name), fit_request(CLASSIFICATION, stop_after=None, rows=100))
    for units in (1, 3, 2):
        growing.grow_to(units)
    assert growing.spent == 3
    scores = growing.score(fit_request().validation.X)
    assert (scores.dtype.name, scores.shape) == ("float64", (200,))
    assert hasattr(growing.fitted(), "n_features_in_")
