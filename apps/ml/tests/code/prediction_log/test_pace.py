"""Work in short pieces: nothing is lost or reordered, and rests come where a piece of work has lasted long enough."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.prediction_log import pace
from apps.ml.prediction_log.pace import PIECE, REST_SECONDS, WORK_SECONDS, Pace


class Clock:
    """A clock that a rest moves on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.rests: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Rest."""
        self.rests.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", SimpleNamespace(perf_counter=lambda: made.now, sleep=made.sleep))
    return made


def test_after_each_piece_of_work_comes_a_rest(clock: Clock) -> None:
    for _ in Pace().each(range(10)):
        clock.now += 0.4 * WORK_SECONDS
    assert clock.rests == [REST_SECONDS] * 3, "behind the third, the sixth and the ninth"


def test_in_a_hurry_nobody_rests(clock: Clock) -> None:
    hurried = Pace(hurried=True)
    for _ in hurried.each(range(10)):
        clock.now += WORK_SECONDS
    assert list(hurried.pieces(range(3 * PIECE))) == [range(3 * PIECE)]
    assert clock.rests == []


def test_between_statements_there_are_rests_too(clock: Clock) -> None:
    sizes = []
    for piece in Pace().pieces(range(2 * PIECE + 1)):
        sizes.append(len(piece))
        clock.now += 2 * WORK_SECONDS
    assert sizes == [PIECE, PIECE, 1]
    assert len(clock.rests) == 2


@given(st.integers(0, 3 * PIECE + 1), st.booleans())
def test_every_row_is_in_one_piece_and_in_its_place(count: int, hurried: bool) -> None:
    rows = list(range(count))
    pieces = list(Pace(hurried).pieces(rows))
    assert [row for piece in pieces for row in piece] == rows
    assert all(pieces), "no statement without rows"
