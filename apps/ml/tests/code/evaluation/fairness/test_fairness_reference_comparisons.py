"""Signed comparisons with a reference group, and the meaning of four fifths."""

import math

import numpy as np
import pytest
from scipy.stats import fisher_exact

from apps.ml.evaluation.fairness.four_fifths import (
    FISHER,
    POOLED_Z,
    four_fifths_by_group,
    is_below,
    one_person_decides,
    two_proportion_p_value,
)
from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference, ratio_of_shares
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.fairness_rows import EVERY_GROUP, assessed, random_rows, rows_of, table_of

# Selected: 60 of 100 and 45 of 150. True positive rates .8 and .5, false positive rates .4 and .2.
COUNTS = {"men": [30, 20, 10, 40], "women": [80, 20, 25, 25]}


def with_reference(group: str) -> ModelEvaluation:
    return ModelEvaluation(seed=1, bootstrap_replicates=100, reference_groups={"attribute": group})


def test_comparisons_are_group_minus_reference_and_group_over_reference() -> None:
    found = assessed(*rows_of(COUNTS), parameters=with_reference("men")).reference
    women = found.comparisons["women"]
    assert found.group == "men"
    assert women["statistical_parity_difference"].value == pytest.approx(0.3 - 0.6)
    assert women["disparate_impact"].value == pytest.approx(0.5)
    assert women["average_odds_difference"].value == pytest.approx((-0.3 + -0.2) / 2)
    assert women["equal_opportunity_difference"].value == pytest.approx(-0.3)
    assert {one.n for one in women.values()} == {250}


def test_intervals_are_the_pairwise_ones() -> None:
    women = assessed(*rows_of(COUNTS), parameters=with_reference("men")).reference.comparisons["women"]
    gap, ratio = newcombe_difference(45, 150, 60, 100, 0.95), ratio_of_shares(45, 150, 60, 100, 0.95)
    parity, impact = women["statistical_parity_difference"], women["disparate_impact"]
    assert [parity.lower, parity.upper] == pytest.approx([float(gap.lower), float(gap.upper)])
    assert [impact.lower, impact.upper] == pytest.approx([float(ratio.lower), float(ratio.upper)])
    # Square-and-add of the two differences of rates, whose rows differ.
    of_rates = [newcombe_difference(25, 50, 40, 50, 0.95), newcombe_difference(20, 100, 20, 50, 0.95)]
    below = math.hypot(-0.3 - of_rates[0].lower, -0.2 - of_rates[1].lower) / 2
    assert women["average_odds_difference"].lower == pytest.approx(-0.25 - below)


def test_the_reference_is_the_largest_judged_group_unless_one_is_named() -> None:
    assert assessed(*rows_of(COUNTS)).reference.group == "women"
    assert assessed(*rows_of(COUNTS), parameters=with_reference("men")).reference.group == "men"
    equal = {name: [10, 10, 10, 10] for name in "zab"}
    assert assessed(*rows_of(equal)).reference.group == "a"


def test_turning_the_reference_round_turns_signs_and_inverts_the_ratio() -> None:
    one = assessed(*rows_of(COUNTS), parameters=with_reference("men")).reference.comparisons["women"]
    other = assessed(*rows_of(COUNTS), parameters=with_reference("women")).reference.comparisons["men"]
    for name, measured in one.items():
        if name == "disparate_impact":
            expected = 1 / measured.value, 1 / measured.upper, 1 / measured.lower  # type: ignore[operator]
        else:
            expected = -measured.value, -measured.upper, -measured.lower  # type: ignore[operator]
        assert (other[name].value, other[name].lower, other[name].upper) == pytest.approx(expected)


def test_the_favourable_outcome_turns_rates_of_outcomes_and_not_those_of_the_positive_event() -> None:
    positive, negative = (
        assessed(*rows_of(COUNTS), favourable, with_reference("men")).reference.comparisons["women"]
        for favourable in ("positive", "negative")
    )
    assert negative["statistical_parity_difference"].value == pytest.approx(0.3)
    assert negative["disparate_impact"].value == pytest.approx(0.7 / 0.4)
    for name in ("average_odds_difference", "equal_opportunity_difference"):
        assert negative[name] == positive[name]


def test_opposite_gaps_cancel_in_the_average_and_not_in_the_mean_of_gaps() -> None:
    found = assessed(*rows_of({"a": [40, 10, 20, 30], "b": [30, 20, 30, 20]}), parameters=with_reference("a"))
    assert found.reference.comparisons["b"]["average_odds_difference"].value == pytest.approx(0.0)
    assert found.metrics["equalized_odds_mean_difference"].value == pytest.approx(0.2)


def test_what_cannot_be_compared_says_why() -> None:
    counts = {"a": [40, 10, 0, 0], "b": [30, 20, 30, 20], "c": [50, 0, 50, 0]}
    found = assessed(*rows_of(counts), parameters=with_reference("c")).reference.comparisons
    assert found["a"]["disparate_impact"].undefined == "favourable rate of the reference group 'c' is 0"
    assert found["a"]["equal_opportunity_difference"].undefined == (
        "true positive rate is undefined for 'a': no row has the positive event"
    )
    assert found["a"]["average_odds_difference"].undefined == found["a"]["equal_opportunity_difference"].undefined
    assert found["b"]["equal_opportunity_difference"].value == pytest.approx(0.4)
    assert found["a"]["statistical_parity_difference"].value == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ("nobody", "the reference group 'nobody' has no rows"),
        ("tiny", "the reference group 'tiny' is not judged"),
    ],
)
def test_a_reference_that_is_absent_or_not_judged_leaves_all_undefined(group: str, reason: str) -> None:
    found = assessed(*rows_of(COUNTS | {"tiny": [1, 1, 1, 1]}), parameters=with_reference(group)).reference
    assert found.group == group
    assert list(found.comparisons) == ["men", "women"]
    assert {one.undefined for of in found.comparisons.values() for one in of.values()} == {reason}


@pytest.mark.parametrize(
    ("x", "n", "y", "m", "test"),
    [(3, 10, 8, 10, FISHER), (30, 100, 50, 100, POOLED_Z), (0, 400, 2, 400, FISHER), (399, 400, 390, 400, POOLED_Z)],
)
def test_small_expected_counts_are_tested_exactly(x: int, n: int, y: int, m: int, test: str) -> None:
    p_value, name = two_proportion_p_value(x, n, y, m)
    assert name == test
    exact = fisher_exact(np.array([[x, n - x], [y, m - y]])).pvalue
    assert p_value == pytest.approx(exact, rel=1e-9 if test == FISHER else 0.6)


def test_the_pooled_test_is_that_of_the_textbook() -> None:
    # Pooled share .4, standard error √(.24 · .02) = .069282, z = −.2 / .069282 = −2.886751.
    p_value, name = two_proportion_p_value(30, 100, 50, 100)
    assert p_value == pytest.approx(0.0038924, abs=5e-8)
    assert name == POOLED_Z
    assert two_proportion_p_value(100, 100, 100, 100, exact=False)[0] == 1.0


def test_four_fifths_is_decided_in_whole_numbers() -> None:
    assert not is_below(24, 100, 30, 100)
    assert is_below(239, 1000, 30, 100)
    # Exactly four fifths, and below it in floating point.
    assert 4 / 100 / (5 / 100) < 0.8
    assert not is_below(4, 100, 5, 100)


@pytest.mark.parametrize(
    ("x", "n", "y", "m", "decides"),
    [
        (7, 20, 10, 20, True),  # .70: one more selected makes 8 / 10 = .80
        (8, 20, 10, 20, True),  # .80: one fewer makes .70
        (70, 200, 100, 200, False),
        (3, 20, 4, 20, True),  # .75: one fewer in the other group makes 3 / 3
        (0, 5, 5, 5, False),
        (1, 1, 1, 1, True),  # one fewer makes 0
    ],
)
def test_one_person_decides_where_moving_one_crosses_four_fifths(x: int, n: int, y: int, m: int, decides: bool) -> None:
    assert one_person_decides(x, n, y, m) is decides


def test_every_judged_group_is_held_against_the_highest() -> None:
    found = four_fifths_by_group(table_of(COUNTS | {"tiny": [0, 0, 0, 5]}), [True, True, False], "positive")
    assert list(found) == ["women"]
    assert found["women"]["compared_with"] == "men"
    assert found["women"]["below"] is True
    assert found["women"]["one_person_decides"] is False
    assert found["women"]["p_value"] < 0.001
    assert found["women"]["test"] == POOLED_Z


def test_nothing_is_held_against_four_fifths_of_nothing() -> None:
    nobody = {name: [20, 0, 20, 0] for name in "ab"}
    assert four_fifths_by_group(table_of(nobody), [True, True], "positive") == {}
    assert four_fifths_by_group(table_of(nobody), [True, False], "negative") == {}


def test_the_assessment_shows_four_fifths_by_group_and_weighted_rows_without_single_persons() -> None:
    labels, decisions, groups = random_rows(2)
    found = assessed(labels, decisions, groups, parameters=EVERY_GROUP)
    shown = {name: group.to_dict().get("four_fifths") for name, group in found.groups.items()}
    assert sum(one is None for one in shown.values()) == 1
    weights = np.random.default_rng(0).uniform(1, 2, len(labels))
    weighted = assessed(labels, decisions, groups, parameters=EVERY_GROUP, weights=weights)
    for group in weighted.groups.values():
        if group.four_fifths is not None:
            assert list(group.four_fifths) == ["compared_with", "below", "p_value", "test"]
            assert group.four_fifths["test"] == POOLED_Z
