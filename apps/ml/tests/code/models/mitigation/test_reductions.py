"""The reductions of fairlearn's: what it is given, what is exported, what is chosen."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import reductions as fairlearn

from apps.ml.data.processed import REGRESSION
from apps.ml.errors import DataError, ParameterError
from apps.ml.models.fitting import Fitted, Rows
from apps.ml.models.mitigation.exponentiated_gradient import exponentiated_gradient
from apps.ml.models.mitigation.grid_search import Candidate, best_candidate, grid_searched
from apps.ml.models.mitigation.multiplier_grid import signed_grid, simplex_grid
from apps.ml.models.mitigation.reductions import (
    Relabelled,
    event_names,
    fairlearn_warnings,
    group_numbers,
    parity_moment,
    row_numbers,
)
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest
from apps.ml.models.parts.constant import Constant
from apps.ml.models.parts.mixture import DrawnMember, Mixture
from apps.ml.parameters import Constraint
from apps.ml.tests.mitigation_requests import mitigation_request

MOMENTS = {
    "equalized_odds": fairlearn.EqualizedOdds,
    "equal_opportunity": fairlearn.TruePositiveRateParity,
    "demographic_parity": fairlearn.DemographicParity,
}


def loaded(request: MitigationRequest) -> Any:
    moment = parity_moment(request, 0.02)
    with fairlearn_warnings():
        moment.load_data(row_numbers(request), request.train.labels, sensitive_features=group_numbers(request))
    return moment


@pytest.mark.parametrize("constraint", sorted(MOMENTS))
def test_constraints_are_fairlearns_where_every_group_is_known(constraint: Constraint) -> None:
    request = mitigation_request("grid_search", constraint=constraint)
    request = replace(request, train_codes=np.abs(request.train_codes))
    ours, theirs = loaded(request), MOMENTS[constraint](difference_bound=0.02)
    with fairlearn_warnings():
        theirs.load_data(row_numbers(request), request.train.labels, sensitive_features=request.train_codes)
    random = np.random.default_rng(0)
    decisions = random.integers(0, 2, len(request.train))
    multipliers = random.random(len(theirs.index))
    found, expected = (moment.gamma(lambda _: decisions).to_numpy() for moment in (ours, theirs))
    assert found == pytest.approx(expected)
    found = ours.signed_weights(pd.Series(multipliers, ours.index))
    assert found.to_numpy() == pytest.approx(theirs.signed_weights(pd.Series(multipliers, theirs.index)).to_numpy())
    assert ours.bound().tolist() == theirs.bound().tolist()


@pytest.mark.parametrize("constraint", sorted(MOMENTS))
def test_rows_of_unknown_groups_carry_no_cost_of_the_constraint(constraint: Constraint) -> None:
    request = mitigation_request("grid_search", constraint=constraint)
    moment = loaded(request)
    costs = moment.signed_weights(pd.Series(np.arange(1.0, 1 + len(moment.index)), moment.index)).to_numpy()
    unknown = request.train_codes < 0
    assert unknown.sum() > 50
    assert not costs[unknown].any()
    assert costs[~unknown & (request.train.labels == 1)].all()


def test_events_by_hand() -> None:
    labels, codes = np.array([0, 1, 1]), np.array([0, 1, -1])
    assert event_names("equalized_odds", labels, codes).tolist() == ["label=0", "label=1", None]
    assert event_names("equal_opportunity", labels, codes).tolist() == [None, "label=1", None]
    assert event_names("demographic_parity", labels, codes).tolist() == ["all", "all", None]


def test_class_weights_are_the_costs_of_both_errors() -> None:
    request = mitigation_request("grid_search", class_weight="balanced")
    objective = parity_moment(request, 0.02).default_objective()
    share = request.train.labels.mean()
    assert (objective.fp_cost, objective.fn_cost) == pytest.approx((0.5 / (1 - share), 0.5 / share))
    assert parity_moment(mitigation_request("grid_search"), 0.02).default_objective().fp_cost == 1.0


def test_the_same_labels_and_weights_are_fitted_once_by_all_copies() -> None:
    fits: list[tuple[Rows, Rows]] = []
    estimator = Relabelled(mitigation_request("grid_search", fits=fits))
    weights = np.random.default_rng(0).random(600)
    weights[:9] = 0.0
    labels = np.arange(600) % 2
    for one in (estimator, copy.deepcopy(estimator)):
        one.fit(np.empty((600, 1)), labels, sample_weight=weights)
    assert (estimator.fits, len(fits), len(fits[0][0])) == (1, 1, 591)
    assert set(estimator.predict(np.array([[3], [5]])).tolist()) <= {0, 1}


def test_validation_rows_are_relabelled_as_the_training_rows_of_their_group_and_label() -> None:
    fits: list[tuple[Rows, Rows]] = []
    request = mitigation_request("grid_search", fits=fits)
    new = np.where(request.train_codes == 0, 1, request.train.labels)
    weights = 1.001 + request.train_codes + 0.5 * request.train.labels.astype(np.float64)
    Relabelled(request).fit(None, new, sample_weight=weights)
    ((_, watched),) = fits
    codes, labels = request.validation_codes, request.validation.labels.astype(np.float64)
    assert watched.labels.tolist() == np.where(codes == 0, 1, labels).tolist()
    assert watched.weights == pytest.approx(1.001 + codes + 0.5 * labels)


def test_one_label_for_all_rows_is_a_constant() -> None:
    request = mitigation_request("grid_search")
    estimator = Relabelled(request).fit(None, np.ones(600), sample_weight=np.ones(600))
    assert estimator.fitted == Fitted(Constant(1.0, 3))
    assert estimator.predict(np.array([[0], [1]])).tolist() == [1, 1]


@pytest.mark.parametrize("constraint", sorted(MOMENTS))
def test_the_exported_mixture_has_fairlearns_probabilities(constraint: Constraint) -> None:
    """Probabilities of deciding 1 over all draws, against `_pmf_predict` of a run of fairlearn's own estimator."""
    from sklearn.linear_model import LogisticRegression

    request = mitigation_request("exponentiated_gradient", constraint=constraint, options={"max_iter": 4})
    request = replace(request, train_codes=np.abs(request.train_codes))
    theirs = fairlearn.ExponentiatedGradient(
        LogisticRegression(C=1.0, max_iter=1000), MOMENTS[constraint](difference_bound=0.025), eps=0.025, max_iter=4
    )
    with fairlearn_warnings():
        theirs.fit(request.train.X, request.train.labels, sensitive_features=request.train_codes)
        expected = theirs._pmf_predict(request.validation.X)[:, 1]
    mixture = exponentiated_gradient(request).estimator
    assert isinstance(mixture, Mixture)
    found = sum(
        weight * (request.score(member, request.validation.X) >= 0.5)
        for member, weight in zip(mixture.members, mixture.weights, strict=True)
    )
    assert np.mean(np.abs(found - expected) < 1e-6) > 0.99


def test_exponentiated_gradient_narrows_the_gap_and_draws_by_the_row() -> None:
    request = mitigation_request("exponentiated_gradient", estimator="lightgbm", options={"max_iter": 3})
    mitigated = exponentiated_gradient(request)
    assert isinstance(mitigated.adjustment, DrawnMember)
    assert mitigated.adjustment.mixture is mitigated.estimator
    facts = mitigated.found
    assert facts["train"]["gap"] < 0.12
    assert facts["eps"] == 0.025
    assert facts["fits"] >= len(facts["members"]) >= 2
    assert sum(member["weight"] for member in facts["members"]) == pytest.approx(1.0)
    again = exponentiated_gradient(request).adjustment
    assert isinstance(again, DrawnMember)
    first, second = (one.decision_scores(np.empty(500), request.validation.X) for one in (mitigated.adjustment, again))
    assert (first == second).all()


def test_grid_search_keeps_the_most_accurate_model_within_the_tolerance_on_validation_rows() -> None:
    request = mitigation_request("grid_search", constraint="demographic_parity", options={"grid_limit": 2.0})
    mitigated = grid_searched(request)
    facts = mitigated.found
    within = [one for one in facts["models"] if one["validation_gap"] <= 0.05]
    chosen = facts["models"][facts["chosen"]]
    assert chosen in within
    assert chosen["validation_loss"] == min(one["validation_loss"] for one in within)
    assert facts["within_tolerance"] is True
    assert facts["validation"]["gap"] == chosen["validation_gap"]
    assert facts["validation"]["accuracy"] == pytest.approx(1 - chosen["validation_loss"])
    assert mitigated.adjustment is None
    assert facts["fits"] == len(facts["models"]) == 15
    assert {} in [one["multipliers"] for one in facts["models"]]


def test_where_no_model_is_within_the_tolerance_the_smallest_gap_is_kept_and_told() -> None:
    candidates = [Candidate(Fitted(None), {}, loss, gap) for loss, gap in ((0.1, 0.3), (0.3, 0.2), (0.2, 0.2))]
    assert best_candidate(candidates, 0.1) == 2
    assert best_candidate(candidates, 0.2) == 2
    assert best_candidate(candidates, 0.3) == 0
    request = mitigation_request("grid_search", tolerance=1e-9, options={"grid_size": 5})
    assert grid_searched(request).found["within_tolerance"] is False


def test_bounded_group_loss_weighs_the_group_that_is_served_worst() -> None:
    request = mitigation_request("grid_search", "lightgbm", REGRESSION, constraint="bounded_group_loss", tolerance=1e-6)
    facts = grid_searched(request).found
    plain = facts["models"][0]
    assert plain["multipliers"] == pytest.approx({name: np.mean(request.train_codes == code) for code, name in
                                                  enumerate(request.group.groups)})  # fmt: skip
    assert facts["models"][facts["chosen"]]["validation_gap"] <= plain["validation_gap"]
    errors = facts["validation"]["error_by_group"]
    assert max(errors.values()) == pytest.approx(facts["models"][facts["chosen"]]["validation_gap"])
    assert errors["b"] > errors["a"]


def test_grids_by_hand() -> None:
    assert signed_grid(1, 5, 2.0).ravel().tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert signed_grid(2, 5, 2.0).tolist() == [[-2.0, 0.0], [0.0, -2.0], [0.0, 0.0], [0.0, 2.0], [2.0, 0.0]]
    assert simplex_grid(2, 3).tolist() == [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    assert simplex_grid(1, 3).tolist() == [[1.0]]


@pytest.mark.parametrize(("dimensions", "points"), [(1, 4), (2, 15), (3, 40), (8, 17)])
def test_a_grid_is_symmetric_distinct_and_within_its_limit(dimensions: int, points: int) -> None:
    grid = signed_grid(dimensions, points, 1.5)
    rows = {tuple(row) for row in grid.tolist()}
    assert len(rows) == len(grid) <= points
    assert {tuple(-value + 0.0 for value in row) for row in rows} == rows
    assert np.abs(grid).sum(axis=1).max() == pytest.approx(1.5)


def test_too_few_points_for_the_groups_are_refused_with_the_number_that_is_needed() -> None:
    with pytest.raises(ParameterError, match=r"grid_size 16 is too small: .* make 8 multipliers, which need 17 points"):
        signed_grid(8, 16, 2.0)


@pytest.mark.parametrize("method", [exponentiated_gradient, grid_searched])
def test_a_group_without_a_class_is_refused(method: Callable[[MitigationRequest], Mitigated]) -> None:
    request = mitigation_request("grid_search", options={"grid_size": 5})
    codes = np.where((request.train_codes == 1) & (request.train.labels == 1), -1, request.train_codes)
    with pytest.raises(DataError, match="training rows: 1 of 2 groups have no row of label 1"):
        method(replace(request, train_codes=codes))
