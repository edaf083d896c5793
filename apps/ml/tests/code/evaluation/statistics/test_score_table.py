import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.counting.score_table import SCORE_UNIT, ScoreTable, score_steps


def table() -> ScoreTable:
    rows = np.arange(2 * 2 * 4).reshape(2, 2, 4)
    return ScoreTable(("f", "m"), rows, rows * SCORE_UNIT)


def test_a_score_on_a_border_belongs_to_the_step_above_and_one_to_the_last() -> None:
    assert score_steps(np.array([0.0, 0.24, 0.25, 0.5, 0.99, 1.0]), 4).tolist() == [0, 0, 1, 2, 3, 3]


@pytest.mark.parametrize("bins", [2, 10, 49, 1000, 10_000])
def test_every_border_is_in_its_own_step_in_spite_of_rounding(bins: int) -> None:
    borders = np.arange(bins) / bins
    assert score_steps(borders, bins).tolist() == list(range(bins))
    assert score_steps(np.nextafter(borders[1:], 0.0), bins).tolist() == list(range(bins - 1))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30), st.integers(2, 1000))
def test_steps_rise_with_scores_and_hold_them(scores: list[float], bins: int) -> None:
    ordered = np.sort(np.array(scores))
    steps = score_steps(ordered, bins)
    assert (np.diff(steps) >= 0).all()
    assert (steps >= 0).all()
    assert (steps < bins).all()
    assert (steps / bins <= ordered).all()
    assert ((ordered < (steps + 1) / bins) | (steps == bins - 1)).all()


def test_groups_are_selected_in_the_order_given() -> None:
    chosen = table().select(["m"])
    assert chosen.groups == ("m",)
    assert chosen.rows.tolist() == [[[8, 9, 10, 11], [12, 13, 14, 15]]]
    assert chosen.bins == 4
    assert table().select(["m", "f"]).rows[1].tolist() == table().rows[0].tolist()


def test_all_groups_as_one_add_up() -> None:
    everybody = table().together()
    assert everybody.groups == ("all",)
    assert everybody.rows.sum() == table().rows.sum()
    assert everybody.score_sums.tolist() == [(table().rows.sum(axis=0) * SCORE_UNIT).tolist()]


def test_an_absent_group_is_named_with_those_that_exist() -> None:
    with pytest.raises(DataError, match=r"there is no group 'x'\. Use one of: f, m"):
        table().select(["x"])
