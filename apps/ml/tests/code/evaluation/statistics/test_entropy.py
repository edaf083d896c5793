import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.statistics.counting.counts import CountTable, count
from apps.ml.evaluation.statistics.entropy import Entropy, generalized_entropy

CELLS = st.lists(st.lists(st.integers(0, 30), min_size=4, max_size=4), min_size=1, max_size=5).filter(
    # Somebody has a benefit above 0.
    lambda groups: sum(cells[0] + cells[1] + cells[3] for cells in groups) > 0
)


def table_of(cells: list[list[int]]) -> CountTable:
    """Cells per group: true negatives, false positives, false negatives, true positives."""
    return CountTable(tuple(f"g{at}" for at in range(len(cells))), np.array(cells).reshape(-1, 2, 2))


def measured(table: CountTable, alpha: float, seed: int = 0) -> Entropy:
    return generalized_entropy(table, alpha, 0.95, 400, seed)


def slow_index(benefits: list[float], alpha: float) -> float:
    """Row by row, as written by Speicher et al."""
    mean = sum(benefits) / len(benefits)
    if alpha == 1:
        terms = [b / mean * math.log(b / mean) if b else 0.0 for b in benefits]
    elif alpha == 0:
        terms = [-math.log(b / mean) for b in benefits]
    else:
        terms = [((b / mean) ** alpha - 1) / (alpha * (alpha - 1)) for b in benefits]
    return sum(terms) / len(benefits)


def benefits_of(cells: list[int]) -> list[float]:
    tn, fp, fn, tp = cells
    return [1.0] * (tn + tp) + [2.0] * fp + [0.0] * fn


def number(found: float | None) -> float:
    assert found is not None
    return found


def test_an_index_checked_by_hand() -> None:
    # Benefits 2, 1, 1, 0 have mean 1: half the mean of (b − 1)² is 1/4; Theil (2 ln 2) / 4.
    table = table_of([[1, 1, 1, 1]])
    assert measured(table, 2).total.value == pytest.approx(0.25)
    assert measured(table, 1).total.value == pytest.approx(math.log(2) / 2)


def test_the_index_of_three_false_alarms_in_four_rows_with_any_alpha() -> None:
    for alpha in (0, 0.5, 1, 2, 3):
        assert measured(table_of([[1, 3, 0, 0]]), alpha).total.value == pytest.approx(slow_index([1, 2, 2, 2], alpha))


@settings(max_examples=60, deadline=None)
@given(CELLS, st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]))
def test_total_between_and_within_are_those_of_the_rows_and_add_up(cells: list[list[int]], alpha: float) -> None:
    found = measured(table_of(cells), alpha)
    groups = [benefits_of(one) for one in cells if sum(one)]
    everybody = [b for one in groups for b in one]
    means = [sum(one) / len(one) for one in groups for _ in one]
    assert found.total.value == pytest.approx(slow_index(everybody, alpha), abs=1e-12)
    assert found.between.value == pytest.approx(slow_index(means, alpha), abs=1e-12)
    assert number(found.between.value) + number(found.within.value) == pytest.approx(found.total.value, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(CELLS, st.sampled_from([1.0, 2.0]))
def test_bounds_lie_around_the_estimates(cells: list[list[int]], alpha: float) -> None:
    for found in measured(table_of(cells), alpha):
        assert 0 <= number(found.lower) <= number(found.value) <= number(found.upper)


def test_where_the_negative_decision_is_favourable_the_errors_change_places() -> None:
    table, mirrored = table_of([[5, 3, 1, 7], [2, 0, 4, 6]]), table_of([[5, 1, 3, 7], [2, 4, 0, 6]])
    found = generalized_entropy(table, 1.0, 0.95, 400, 0, favourable="negative")
    assert found == measured(mirrored, 1.0)


def test_doubled_rows_leave_the_estimate_and_narrow_the_interval() -> None:
    cells = [[50, 13, 11, 60], [20, 10, 14, 26]]
    once, twice = measured(table_of(cells), 2), measured(table_of([[2 * c for c in one] for one in cells]), 2)
    for one, two in zip(once, twice, strict=True):
        assert two.value == pytest.approx(one.value)
        assert number(two.upper) < number(one.upper)


def test_weights_of_two_count_like_every_row_twice_for_the_estimate() -> None:
    plain = table_of([[5, 3, 1, 7], [2, 0, 4, 6]])
    weighted = CountTable(plain.groups, plain.counts, plain.counts * np.float64(2), plain.counts * np.float64(4))
    for one, two in zip(measured(plain, 2), measured(weighted, 2), strict=True):
        assert two.value == pytest.approx(one.value)
        # Equal weights bring no new rows.
        assert two.upper == pytest.approx(one.upper)


@pytest.mark.parametrize("shares", [[(0.1, 0.1), (0.1, 0.1)], [(0.05, 0.2), (0.2, 0.05)], [(0.02, 0.02)] * 3])
def test_intervals_cover_the_true_index_and_its_parts(shares: list[tuple[float, float]]) -> None:
    generator = np.random.default_rng(3)
    true = measured(table_of([[10**6 - round(1e6 * (a + b)), round(1e6 * b), round(1e6 * a), 0] for a, b in shares]), 2)
    covered = np.zeros(3)
    for _ in range(200):
        drawn = [generator.multinomial(200, [1 - a - b, b, a, 0.0]).tolist() for a, b in shares]
        for at, (found, truth) in enumerate(zip(measured(table_of(drawn), 2), true, strict=True)):
            covered[at] += number(found.lower) <= number(truth.value) + 1e-9
            covered[at] -= number(found.upper) < number(truth.value) - 1e-9
    # Three standard errors of a simulated share of .95 are .046.
    assert covered.min() / 200 > 0.95 - 0.046


def test_no_error_at_all_leaves_room_above() -> None:
    found = measured(table_of([[20, 0, 0, 20], [10, 0, 0, 10]]), 2).total
    assert (found.value, found.lower) == (0.0, 0.0)
    assert number(found.upper) > 0.01


def test_for_alpha_zero_a_single_harsh_decision_makes_it_undefined() -> None:
    harsh, kind = measured(table_of([[5, 1, 1, 5]]), 0), measured(table_of([[5, 1, 0, 5]]), 0)
    assert "infinite" in str(harsh.total.undefined)
    assert "infinite" in str(harsh.within.undefined)
    assert harsh.between.value == pytest.approx(0.0)
    assert kind.total.is_defined
    assert kind.total.upper is None
    nobody = measured(table_of([[0, 0, 4, 0], [5, 0, 0, 5]]), 0)
    assert "infinite" in str(nobody.between.undefined)


def test_a_mean_benefit_of_zero_no_rows_and_no_labels_are_undefined() -> None:
    reason = "the mean benefit is 0: every decision is harsher than the truth"
    assert {found.undefined for found in measured(table_of([[0, 0, 4, 0]]), 2)} == {reason}
    assert measured(table_of([[0, 0, 0, 0]]), 2).total.undefined == "there are no rows"
    unlabelled = CountTable(("a",), np.array([[[3, 2], [0, 0]]]), labelled=False)
    assert "there are no labels" in str(measured(unlabelled, 2).total.undefined)


def test_the_same_seed_gives_the_same_bounds_and_the_table_is_left_alone() -> None:
    table = count([0, 1, 1, 0, 1], [0, 1, 0, 1, 1], list("ababb"))
    before = table.counts.tolist()
    assert measured(table, 2, seed=4) == measured(table, 2, seed=4)
    assert table.counts.tolist() == before
