"""Arms own what their weights say, and a change moves no more than it must."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.deployment.traffic.layout import PLACES, Layout, layouts

ROUNDING = 1e-8
"""Every weight is rounded to one of 2³² places."""


def share_of(layout: Layout, arm: int) -> float:
    pieces = zip(layout.starts, (*layout.starts[1:], PLACES), layout.owners, strict=True)
    return sum(end - start for start, end, owner in pieces if owner == arm) / PLACES


def moves(before: Layout, after: Layout) -> dict[tuple[int, int], float]:
    """Share of the line that went from one arm to another, by the two."""
    marks = sorted({*before.starts, *after.starts, PLACES})
    found: dict[tuple[int, int], float] = {}
    for start, end in itertools.pairwise(marks):
        pair = before.arm_at(start), after.arm_at(start)
        if pair[0] != pair[1]:
            found[pair] = found.get(pair, 0.0) + (end - start) / PLACES
    return found


def weights_of(arms: int) -> st.SearchStrategy[list[float]]:
    whole = st.lists(st.integers(0, 20), min_size=arms, max_size=arms).filter(any)
    return whole.map(lambda parts: [part / sum(parts) for part in parts])


steps_of_one_plan = st.integers(1, 6).flatmap(lambda arms: st.lists(weights_of(arms), min_size=1, max_size=5))


@settings(deadline=None)
@given(steps_of_one_plan)
def test_every_arm_owns_its_weight_in_every_step(steps: list[list[float]]) -> None:
    for weights, layout in zip(steps, layouts(steps), strict=True):
        assert layout.starts[0] == 0
        assert list(layout.starts) == sorted(set(layout.starts))
        for arm, weight in enumerate(weights):
            assert share_of(layout, arm) == pytest.approx(weight, abs=ROUNDING)
            assert weight > 0 or share_of(layout, arm) == 0


@settings(deadline=None)
@given(steps_of_one_plan)
def test_a_step_moves_half_the_sum_of_the_changes_and_only_from_arms_that_shrink_to_arms_that_grow(
    steps: list[list[float]],
) -> None:
    found = layouts(steps)
    for index, (before, after) in enumerate(itertools.pairwise(found)):
        changes = [new - old for old, new in zip(steps[index], steps[index + 1], strict=True)]
        moved = {pair: share for pair, share in moves(before, after).items() if share > ROUNDING}
        assert sum(moved.values()) == pytest.approx(sum(map(abs, changes)) / 2, abs=ROUNDING)
        assert all(changes[giver] < 0 < changes[taker] for giver, taker in moved)


@settings(deadline=None)
@given(weights_of(4), weights_of(4))
def test_a_step_that_is_undone_brings_everybody_back(first: list[float], second: list[float]) -> None:
    start, _, back = layouts([first, second, first])
    assert sum(moves(start, back).values()) <= ROUNDING


@settings(deadline=None)
@given(st.floats(0.01, 0.4), st.floats(0.0, 0.1), st.integers(1, 2))
def test_of_three_arms_one_that_grows_takes_only_from_the_first_also_without_a_step(
    weight: float, more: float, arm: int
) -> None:
    before, after = [1.0, weight, weight], [1.0, weight, weight]
    after[arm] += more
    before[0] -= sum(before[1:])
    after[0] -= sum(after[1:])
    moved = moves(layouts([before])[0], layouts([after])[0])
    assert {pair for pair, share in moved.items() if share > ROUNDING} <= {(0, arm)}


def test_a_layout_that_can_be_checked_by_hand() -> None:
    first, second = layouts([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    quarter = PLACES // 4
    assert first == Layout((0, quarter, 3 * quarter), (2, 0, 1))
    assert second.owners == (2, 0, 1, 1)
    assert [second.arm_at(place) for place in (0, quarter, 2 * quarter, PLACES - 1)] == [2, 0, 1, 1]


def test_the_last_place_has_an_owner_where_weights_are_no_binary_fractions() -> None:
    (layout,) = layouts([[1 / 3, 1 / 3, 1 / 3]])
    assert sum(share_of(layout, arm) for arm in range(3)) == 1.0
