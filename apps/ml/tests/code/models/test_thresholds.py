from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.errors import DataError
from apps.ml.models.thresholds import choose_threshold, threshold_candidates
from apps.ml.parameters import Threshold

LABELS = np.array([0, 0, 1, 0, 1, 1], dtype=np.int8)
SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])

BALANCED = Threshold(rule="best_balanced_accuracy")
some_rows = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.500001, 0.75, 1.0]) | st.floats(0.0, 1.0)),
    min_size=1,
    max_size=30,
)


def rows_of(pairs: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = zip(*pairs, strict=True)
    return np.array(labels, dtype=np.int8), np.array(scores)


def slow_loss(rule: Threshold, labels: np.ndarray, scores: np.ndarray, threshold: float) -> Fraction:
    """Count one row after the other, in exact fractions."""
    pairs = list(zip(labels.tolist(), scores.tolist(), strict=True))
    false_positives = sum(1 for label, score in pairs if score >= threshold and label == 0)
    misses = sum(1 for label, score in pairs if score < threshold and label == 1)
    selected = sum(1 for _, score in pairs if score >= threshold)
    positives = sum(labels.tolist())
    if rule.rule == "best_balanced_accuracy":
        return Fraction(misses, positives) + Fraction(false_positives, len(pairs) - positives)
    if rule.rule == "selection_rate":
        return abs(selected - Fraction(rule.rate) * len(pairs))
    return false_positives * Fraction(rule.cost_false_positive) + misses * Fraction(rule.cost_false_negative)


def every_threshold(scores: np.ndarray) -> list[float]:
    """Each score itself and one number above them all: every distinct way to decide."""
    return [*scores.tolist(), 2.0]


def test_a_fixed_threshold_is_returned_as_it_is() -> None:
    assert choose_threshold(Threshold(rule="fixed", value=0.3), LABELS, SCORES) == 0.3


def test_best_balanced_accuracy_of_six_rows_by_hand() -> None:
    # Below .3 all positives are found at one false positive of three: (1 + 2/3) / 2; above .4: (2/3 + 1) / 2.
    # Both are equal; half-way between .4 and .6 is nearer to .5 than half-way between .2 and .3.
    assert choose_threshold(BALANCED, LABELS, SCORES) == pytest.approx(0.5)


@pytest.mark.parametrize(("rate", "expected"), [(0.5, 0.35), (0.17, 0.75), (0.99, 0.05), (0.01, 0.95)])
def test_selection_rate_by_hand(rate: float, expected: float) -> None:
    assert choose_threshold(Threshold(rule="selection_rate", rate=rate), LABELS, SCORES) == pytest.approx(expected)


def test_costs_move_the_threshold_by_hand() -> None:
    missing_is_dear = Threshold(rule="cost_matrix", cost_false_negative=10.0)
    alarm_is_dear = Threshold(rule="cost_matrix", cost_false_positive=10.0)
    assert choose_threshold(missing_is_dear, LABELS, SCORES) == pytest.approx(0.25)
    assert choose_threshold(alarm_is_dear, LABELS, SCORES) == pytest.approx(0.5)


def test_equal_distance_to_one_half_takes_the_higher_threshold() -> None:
    labels = np.array([1, 0, 1, 0], dtype=np.int8)
    scores = np.array([1.0, 0.5, 0.5, 0.0])
    # Half-way thresholds .25 and .75 both have balanced accuracy 3/4 and the same distance to .5.
    assert choose_threshold(BALANCED, labels, scores) == 0.75


def test_rejecting_a_score_of_one_needs_a_threshold_above_one() -> None:
    rule = Threshold(rule="cost_matrix", cost_false_positive=100.0)
    threshold = choose_threshold(rule, np.array([0, 0], dtype=np.int8), np.array([1.0, 1.0]))
    assert 1.0 < threshold < 1.0 + 1e-15


def test_neighbouring_floats_are_still_divided() -> None:
    lower = 0.5
    upper = float(np.nextafter(lower, 1.0))
    threshold = choose_threshold(BALANCED, np.array([0, 1], dtype=np.int8), np.array([lower, upper]))
    assert lower < threshold <= upper


def test_one_class_has_no_balanced_accuracy() -> None:
    with pytest.raises(DataError, match="needs both classes among the validation rows; 2 are positive"):
        choose_threshold(BALANCED, np.ones(2, dtype=np.int8), np.array([0.1, 0.2]))


@pytest.mark.parametrize("scores", [[], [np.nan], [1.5], [-0.1]])
def test_scores_that_are_no_probabilities_are_refused(scores: list[float]) -> None:
    with pytest.raises(DataError, match=f"of {len(scores)} rows have none"):
        choose_threshold(BALANCED, np.zeros(len(scores), dtype=np.int8), np.array(scores, dtype=np.float64))


def test_inputs_stay_unaltered() -> None:
    labels, scores = LABELS.copy(), SCORES.copy()
    choose_threshold(BALANCED, labels, scores)
    assert (labels == LABELS).all()
    assert (scores == SCORES).all()


@given(pairs=some_rows, rule=st.sampled_from(["best_balanced_accuracy", "selection_rate", "cost_matrix"]))
@settings(max_examples=50, deadline=None)
def test_no_threshold_is_better_than_the_chosen_one(pairs: list[tuple[int, float]], rule: str) -> None:
    labels, scores = rows_of(pairs)
    named = Threshold.model_validate(
        {"rule": rule, "rate": 0.25, "cost_false_positive": 1.5, "cost_false_negative": 4.0}
    )
    if rule == "best_balanced_accuracy" and len(set(labels.tolist())) == 1:
        return
    chosen = choose_threshold(named, labels, scores)
    best = min(slow_loss(named, labels, scores, threshold) for threshold in every_threshold(scores))
    assert slow_loss(named, labels, scores, chosen) == best


@given(pairs=some_rows)
@settings(max_examples=50, deadline=None)
def test_candidates_count_what_counting_row_by_row_gives(pairs: list[tuple[int, float]]) -> None:
    labels, scores = rows_of(pairs)
    candidates = threshold_candidates(labels, scores)
    assert len(candidates.thresholds) == len(set(scores.tolist())) + 1
    for threshold, hits, alarms in zip(
        candidates.thresholds, candidates.true_positives, candidates.false_positives, strict=True
    ):
        assert hits == sum(1 for label, score in pairs if score >= threshold and label == 1)
        assert alarms == sum(1 for label, score in pairs if score >= threshold and label == 0)


@given(pairs=some_rows, order=st.randoms(use_true_random=False), times=st.integers(2, 4))
@settings(max_examples=50, deadline=None)
def test_order_and_repetition_of_rows_do_not_matter(pairs: list[tuple[int, float]], order: Random, times: int) -> None:
    rule = Threshold(rule="selection_rate", rate=0.25)
    again = pairs * times
    order.shuffle(again)
    assert choose_threshold(rule, *rows_of(again)) == choose_threshold(rule, *rows_of(pairs))
