"""The front and the rules that pick from it, on trials written down by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.experiments.tuning.front import front_of, picked
from apps.ml.experiments.tuning.records import TrialRecord
from apps.ml.parameters.tuning import Pick


def record(number: int, loss: float, unfairness: float | None = None, error: float | None = None, **other: Any) -> Any:
    values: dict[str, Any] = {
        "number": number,
        "state": "complete",
        "estimator": "naive_bayes",
        "options": {},
        "loss": loss,
        "loss_error": error,
        "unfairness": unfairness,
        "unfairness_error": error,
        "resource": "rows",
        "kept": None,
        "spent": 10,
        "full": 10,
        "looks": ((10, loss),),
        "reason": "",
        "seconds": 0.0,
        **other,
    }
    return TrialRecord(**values)


TRADE = (record(0, 0.50, 0.10), record(1, 0.40, 0.20), record(2, 0.38, 0.40), record(3, 0.55, 0.30))


def standings(records: Any) -> dict[int, str]:
    return {one.record.number: one.standing for one in front_of(records)}


def test_the_front_holds_what_no_trial_beats_in_both() -> None:
    assert standings(TRADE) == {0: "front", 1: "front", 2: "front", 3: "beaten"}
    assert [one.record.number for one in front_of(TRADE)] == [0, 1, 3, 2]


def test_a_trial_is_beaten_within_noise_by_less_than_a_standard_error() -> None:
    near, far = record(4, 0.41, 0.21, error=0.02), record(5, 0.50, 0.21, error=0.02)
    found = standings((record(1, 0.40, 0.20, error=0.02), near, far))
    assert found == {1: "front", 4: "beaten within noise", 5: "beaten"}


def test_the_least_loss_within_the_limit_is_picked() -> None:
    chosen = picked(TRADE, Pick(unfairness_at_most=0.25))
    assert chosen.record is not None
    assert chosen.record.number == 1
    assert picked(TRADE, Pick()).record is TRADE[2]


def test_a_limit_that_no_trial_keeps_picks_none_and_says_what_is_there() -> None:
    chosen = picked(TRADE, Pick(unfairness_at_most=0.05))
    assert chosen.record is None
    assert "at most 0.05; the smallest is 0.1000" in chosen.reason


def test_the_knee_is_the_corner_of_the_front() -> None:
    """Scaled: (0, 1), (1/3, 1/6) and (1, 0); the second lies farthest below the line between the ends."""
    assert picked(TRADE, Pick(rule="knee")).record is TRADE[1]


def test_a_front_of_two_has_no_knee_and_the_lowest_loss_is_picked() -> None:
    assert picked(TRADE[:2], Pick(rule="knee", unfairness_at_most=0.0)).record is TRADE[1]


def test_without_unfairness_the_lowest_loss_wins_and_ties_go_to_the_first() -> None:
    assert picked((record(3, 0.4), record(1, 0.4), record(2, 0.5)), Pick()).record == record(1, 0.4)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12), st.randoms())
def test_the_pick_does_not_depend_on_the_order(values: list[tuple[int, int]], random: Any) -> None:
    trials = [record(at, float(loss), float(gap)) for at, (loss, gap) in enumerate(values)]
    mixed = random.sample(trials, len(trials))
    for rule in ("least_loss", "knee"):
        assert (
            picked(trials, Pick(rule=rule, unfairness_at_most=9.0)).record
            == picked(mixed, Pick(rule=rule, unfairness_at_most=9.0)).record
        )


@pytest.mark.parametrize("state", ["pruned", "failed"])
def test_trials_that_were_not_finished_are_not_on_the_front(state: str) -> None:
    unfinished = record(9, 0.1, None, state=state)
    assert 9 not in standings((*TRADE, unfinished))
