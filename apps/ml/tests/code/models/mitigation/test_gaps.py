from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.errors import DataError, ParameterError
from apps.ml.models.mitigation.gaps import (
    COMPARED,
    errors_by_group,
    gap,
    largest_error,
    rates,
    require_defined,
    why_undefined,
)
from apps.ml.parameters import Constraint

LABELS = np.array([0, 0, 1, 1] * 2, dtype=np.int8)
DECISIONS = np.array([0, 0, 1, 1, 0, 1, 0, 0], dtype=np.int8)
CODES = np.array([0] * 4 + [1] * 4)

Row = tuple[int, int, int]
ROWS = st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 1), st.integers(0, 1)), max_size=30)


def arrays(rows: list[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    codes, labels, decisions = (np.array([row[part] for row in rows], dtype=np.int64) for part in range(3))
    return labels.astype(np.int8), decisions.astype(np.int8), codes


def slow_gap(constraint: Constraint, rows: list[Row]) -> float | None:
    """By loops and fractions."""
    conditions = {"equalized_odds": [{1}, {0}], "equal_opportunity": [{1}], "demographic_parity": [{0, 1}]}[constraint]
    present = {code for code, _, _ in rows if code >= 0}
    gaps = []
    for labels in conditions:
        found = []
        for group in present:
            decided = [decision for code, label, decision in rows if code == group and label in labels]
            if not decided:
                return None
            found.append(Fraction(sum(decided), len(decided)))
        if len(found) < 2:
            return None
        gaps.append(max(found) - min(found))
    return float(max(gaps))


@pytest.mark.parametrize(
    ("constraint", "expected"), [("equalized_odds", 1.0), ("equal_opportunity", 1.0), ("demographic_parity", 0.25)]
)
def test_gaps_by_hand(constraint: Constraint, expected: float) -> None:
    assert gap(constraint, LABELS, DECISIONS, CODES, 2) == expected


def test_equalized_odds_is_the_worse_of_both_rates() -> None:
    found = rates(LABELS, DECISIONS, CODES, 2)
    assert found["true_positive_rate"].tolist() == [1.0, 0.0]
    assert found["false_positive_rate"].tolist() == [0.0, 0.5]
    assert found["selection_rate"].tolist() == [0.5, 0.25]


@given(ROWS, st.sampled_from(sorted(COMPARED)))
def test_the_gap_is_that_of_the_slow_way_or_undefined_with_a_reason(rows: list[Row], constraint: Constraint) -> None:
    labels, decisions, codes = arrays(rows)
    expected = slow_gap(constraint, rows)
    assert gap(constraint, labels, decisions, codes, 3) == pytest.approx(expected)
    assert (why_undefined(constraint, labels, codes, 3) is None) == (expected is not None)


@given(ROWS, st.sampled_from(sorted(COMPARED)))
def test_rows_of_unknown_groups_and_the_order_of_rows_change_nothing(rows: list[Row], constraint: Constraint) -> None:
    known = [row for row in rows if row[0] >= 0]
    assert gap(constraint, *arrays(rows), 3) == gap(constraint, *arrays(known[::-1]), 3)


def test_a_group_without_one_class_leaves_the_gap_undefined_and_says_so() -> None:
    labels = np.array([0, 1, 0, 0], dtype=np.int8)
    codes = np.array([0, 0, 1, 1])
    assert gap("equal_opportunity", labels, labels, codes, 2) is None
    assert gap("demographic_parity", labels, labels, codes, 2) == 0.5
    with pytest.raises(DataError, match=r"4 validation rows: 1 of 2 groups have no row of label 1\. Join small groups"):
        require_defined("equalized_odds", labels, codes, 2, "validation rows")


def test_a_declared_group_without_rows_is_left_out_and_one_group_alone_is_undefined() -> None:
    assert gap("equalized_odds", LABELS, DECISIONS, CODES, 5) == 1.0
    assert why_undefined("demographic_parity", LABELS, np.zeros(8, dtype=np.int64), 2) == (
        "1 of 2 groups have rows, two are needed to compare"
    )


def test_bounded_group_loss_is_no_gap() -> None:
    with pytest.raises(ParameterError, match="bounded_group_loss is no difference of rates"):
        gap("bounded_group_loss", LABELS, DECISIONS, CODES, 2)


def test_errors_by_group_by_hand() -> None:
    labels, predicted = np.array([1.0, 2.0, 3.0, 9.0]), np.array([1.0, 4.0, 0.0, 0.0])
    codes = np.array([0, 0, 1, -1])
    assert errors_by_group(labels, predicted, codes, 2).tolist() == [1.0, 3.0]
    assert largest_error(labels, predicted, codes, 2) == 3.0
    assert largest_error(labels, predicted, np.full(4, -1), 2) is None
