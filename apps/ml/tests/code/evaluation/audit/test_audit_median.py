import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.audit import exact_median
from apps.ml.evaluation.audit.exact_median import MedianSearch


def median(parts: list[np.ndarray]) -> tuple[float, int]:
    search, looks = MedianSearch(), 0
    while search.median is None:
        for part in parts:
            search.look(part)
        search.end_look()
        looks += 1
    return search.median, looks


def test_the_median_of_an_odd_number_is_the_middle_one_and_of_an_even_number_the_mean_of_two() -> None:
    assert median([np.array([3.0, 1.0]), np.array([2.0])])[0] == 2.0
    assert median([np.array([3.0, 1.0, 2.0, 10.0])])[0] == 2.5


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(0, 40), st.sampled_from([0, 1, 2_000_000]))
def test_it_is_exact_whatever_is_kept(numbers: list[float], cut: int, kept: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_median, "MOST_KEPT", kept)
        found, looks = median([np.array(numbers[:cut]), np.array(numbers[cut:])])
    low, high = sorted(numbers)[(len(numbers) - 1) // 2], sorted(numbers)[len(numbers) // 2]
    assert found == low + (high - low) / 2
    assert found == pytest.approx(np.median(numbers), abs=1e-9)
    assert looks <= 4


def test_two_looks_are_enough_as_a_rule() -> None:
    scores = np.random.default_rng(0).random(10_001)
    assert median([scores]) == (np.median(scores), 2)


def test_ties_and_both_zeros_are_one_number() -> None:
    assert median([np.array([0.0, -0.0, 0.0, 1.0, -1.0])])[0] == 0.0
    assert median([np.full(1000, 0.7)])[0] == 0.7
