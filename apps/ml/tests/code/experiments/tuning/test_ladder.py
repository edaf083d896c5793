"""Rungs and looks, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.errors import ParameterError
from apps.ml.experiments.tuning.ladder import Ladder, ladder
from apps.ml.parameters.tuning import Resource


def test_rungs_are_the_minimum_times_powers_of_the_factor_and_the_maximum() -> None:
    assert ladder(Resource(minimum=15, maximum=405), 600, "rounds", True).rungs == (15, 45, 135, 405)
    assert ladder(Resource(), 600, "rounds", True).rungs == (22, 66, 198, 600)
    assert ladder(Resource(minimum=100), 250, "rows", True).rungs == (250,)


def test_without_pruning_there_is_one_rung() -> None:
    assert ladder(Resource(), 600, "rounds", False).rungs == (600,)


def test_ladders_of_different_height_meet_at_the_top() -> None:
    tall, low = Ladder((22, 66, 198, 600), 3), Ladder((10, 30), 3)
    assert [tall.step(rung, 4) for rung in range(4)] == [1, 3, 9, 27]
    assert [low.step(rung, 4) for rung in range(2)] == [9, 27]


@given(st.integers(1, 5000), st.integers(2, 10), st.booleans())
def test_looks_rise_to_every_rung_and_none_is_taken_twice(available: int, factor: int, pruned: bool) -> None:
    found = ladder(Resource(reduction_factor=factor), available, "rounds", pruned)
    looks = [units for rung in range(len(found.rungs)) for units in found.looks(rung)]
    assert looks == sorted(set(looks))
    assert looks[-1] == found.maximum
    assert set(found.rungs) <= set(looks)


def test_impossible_resources_are_refused() -> None:
    with pytest.raises(ParameterError, match="500 rows, and a fold has 400"):
        ladder(Resource(maximum=500), 400, "rows", True)
    with pytest.raises(ParameterError, match="minimum: 40 rounds is not below the maximum of 40"):
        ladder(Resource(minimum=40, maximum=40), 600, "rounds", True)
