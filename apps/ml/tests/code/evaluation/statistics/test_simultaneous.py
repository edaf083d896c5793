import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.evaluation.statistics.shares.simultaneous import holm, holm_adjusted, simultaneous_confidence

P_VALUES = st.lists(st.floats(0, 1), max_size=8)


def test_holm_goes_on_where_bonferroni_stops() -> None:
    assert holm([0.04, 0.02], 0.05) == [True, True]
    assert holm([0.04, 0.03], 0.05) == [False, False]
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm_adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def slow_holm(p_values: list[float], level: float) -> list[bool]:
    """Step down by hand: reject the smallest while it is below the level over how many are left."""
    rejected = [False] * len(p_values)
    left = sorted(range(len(p_values)), key=lambda at: p_values[at])
    while left and p_values[left[0]] * len(left) <= level:
        rejected[left.pop(0)] = True
    return rejected


@given(P_VALUES)
def test_holm_is_stepping_down_by_hand(p_values: list[float]) -> None:
    assert holm(p_values, 0.05) == slow_holm(p_values, 0.05)


@given(P_VALUES)
def test_holm_rejects_at_least_what_bonferroni_does(p_values: list[float]) -> None:
    for rejected, p in zip(holm(p_values, 0.05), p_values, strict=True):
        assert rejected or p * len(p_values) > 0.05


def test_no_hypotheses_are_no_rejections_and_what_is_undefined_is_refused() -> None:
    assert holm([], 0.05) == []
    with pytest.raises(ValueError, match="leave out what is undefined"):
        holm([0.1, np.nan], 0.05)


def test_members_of_a_family_share_the_permitted_error() -> None:
    assert simultaneous_confidence(0.95, 1) == 0.95
    assert simultaneous_confidence(0.95, 10) == pytest.approx(0.995)
    with pytest.raises(ValueError, match="at least one member"):
        simultaneous_confidence(0.95, 0)
