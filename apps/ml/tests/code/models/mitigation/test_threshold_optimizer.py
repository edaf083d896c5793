from dataclasses import replace

import numpy as np
import pytest

from apps.ml.errors import DataError
from apps.ml.models.mitigation.reductions import fairlearn_warnings
from apps.ml.models.mitigation.threshold_optimizer import (
    CONSTRAINTS,
    exported_numbers,
    optimized,
    threshold_optimized,
)
from apps.ml.models.parts.draws import draws
from apps.ml.models.parts.threshold_mixture import ThresholdMixture
from apps.ml.parameters import Constraint
from apps.ml.tests.mitigation_requests import mitigation_request


def random_rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores on a grid, so that ties occur, labels that follow them, and codes of three groups."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 3, n)
    scores = np.round(random.beta(1 + codes, 2, n), 2)
    return scores, (random.random(n) < scores).astype(np.int8), codes


@pytest.mark.parametrize("constraint", sorted(CONSTRAINTS))
@pytest.mark.parametrize("tolerance", [None, 0.1])
def test_probabilities_are_fairlearns(constraint: Constraint, tolerance: float | None) -> None:
    if constraint == "equalized_odds":
        tolerance = None
    scores, labels, codes = random_rows(400, 1)
    optimizer = optimized(constraint, scores, labels, codes, 50, tolerance)
    adjustment = ThresholdMixture(*exported_numbers(optimizer, 3), threshold=0.5, seed=1)
    asked, _, of_groups = random_rows(1000, 2)
    with fairlearn_warnings():
        expected = optimizer._pmf_predict(asked[:, None], sensitive_features=of_groups)[:, 1]
    assert adjustment.probabilities(asked, of_groups) == pytest.approx(expected, abs=1e-12)
    assert np.mean((expected > 0) & (expected < 1)) > 0


@pytest.mark.parametrize("constraint", sorted(CONSTRAINTS))
def test_a_row_is_decided_as_its_draw_says_and_its_decision_score_stays_a_score(constraint: Constraint) -> None:
    scores, labels, codes = random_rows(400, 3)
    numbers, judged = exported_numbers(optimized(constraint, scores, labels, codes, 50), 3)
    asked, _, of_groups = random_rows(2000, 4)
    X = np.column_stack([np.random.default_rng(5).normal(size=(2000, 2)), of_groups])
    for threshold in (0.3, 0.5, 1.0):
        adjustment = ThresholdMixture(numbers, judged, threshold, seed=6)
        found = adjustment.decision_scores(asked, X)
        expected = draws(X[:, :-1], 6) < adjustment.probabilities(asked, of_groups)
        assert ((found >= threshold) == expected).all()
        assert ((found >= 0) & (found <= 1)).all()


def test_a_higher_score_never_lowers_the_decision_score_of_the_same_person() -> None:
    scores, labels, codes = random_rows(400, 3)
    adjustment = ThresholdMixture(*exported_numbers(optimized("equalized_odds", scores, labels, codes, 50), 3), 0.5, 1)
    X = np.column_stack([np.random.default_rng(5).normal(size=(200, 2)), np.arange(200) % 3])
    steps = [adjustment.decision_scores(np.full(200, score), X) for score in np.linspace(0, 1, 50)]
    assert (np.diff(np.array(steps), axis=0) >= 0).all()


def test_people_of_unknown_group_and_of_groups_without_rows_keep_the_common_threshold() -> None:
    request = mitigation_request("threshold_optimizer", constraint="demographic_parity")
    mitigated = threshold_optimized(request)
    adjustment = mitigated.adjustment
    assert isinstance(adjustment, ThresholdMixture)
    assert mitigated.threshold == adjustment.threshold == 0.5
    for code in (-1, 7):
        X = np.column_stack([request.validation.X, np.full(500, code)])
        scores = np.linspace(0, 1, 500)
        assert (adjustment.decision_scores(scores, X) == scores).all()
    few = replace(adjustment, judged=np.array([True, False]))
    X = np.column_stack([request.validation.X, np.ones(500)])
    assert (few.decision_scores(scores, X) == scores).all()


def test_the_expected_gap_on_validation_rows_is_within_the_tolerance_and_the_drawn_one_near() -> None:
    request = mitigation_request("threshold_optimizer", constraint="demographic_parity")
    mitigated = threshold_optimized(request)
    adjustment = mitigated.adjustment
    assert isinstance(adjustment, ThresholdMixture)
    scores = request.score(mitigated.estimator, request.validation.X)
    chances = adjustment.probabilities(scores, np.maximum(request.validation_codes, 0))
    rates = [chances[request.validation_codes == code].mean() for code in (0, 1)]
    assert abs(rates[1] - rates[0]) <= 0.05 + 1e-9
    assert mitigated.found["validation"]["gap"] < 0.15
    assert set(mitigated.found["thresholds_by_group"]) == {"a", "b"}


def test_a_group_with_one_label_among_the_validation_rows_is_refused() -> None:
    request = mitigation_request("threshold_optimizer", constraint="demographic_parity")
    labels = np.where(request.validation_codes == 1, 1, request.validation.labels).astype(np.int8)
    with pytest.raises(DataError, match="500 validation rows: 1 of 2 groups have no row of label 0"):
        threshold_optimized(replace(request, validation=replace(request.validation, labels=labels)))
