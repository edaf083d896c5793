"""Scores moved to the threshold of a group: the decision is that of the group's own threshold, to the last bit."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.errors import BundleError
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.parts.group_thresholds import NOBODY, GroupThresholds, moved_to
from apps.ml.models.parts.part import Adjustment
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.tests.code.models.parts.tampering import change_json, put

SHARES = st.floats(0.0, 1.0)
OWN = st.one_of(SHARES, st.sampled_from([0.0, 0.5, 1.0, NOBODY, 5e-324, 1 - 2**-53]))
COMMON = st.one_of(st.floats(2.3e-308, 1.0), st.sampled_from([0.5, 1.0, NOBODY]))
ADJUSTMENT = GroupThresholds(np.array([0.8, 0.2, NOBODY, 0.0]), 0.5)


def near(own: float) -> list[float]:
    """A threshold, its neighbours and the ends."""
    around = [own, float(np.nextafter(own, 0.0)), float(np.nextafter(own, 1.0)), 0.0, 1.0]
    return [score for score in around if 0.0 <= score <= 1.0]


@given(st.lists(SHARES, max_size=20), OWN, COMMON)
def test_the_decision_is_that_of_the_own_threshold_and_the_order_is_kept(
    drawn: list[float], own: float, common: float
) -> None:
    scores = np.array(sorted([*drawn, *near(own)]))
    found = moved_to(scores, np.full(len(scores), own), common)
    assert ((found >= common) == (scores >= own)).all()
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= max(1.0, common))).all()


@given(st.lists(SHARES, min_size=1, max_size=20), COMMON)
def test_the_common_threshold_as_the_own_one_changes_no_decision(drawn: list[float], common: float) -> None:
    scores = np.array([*drawn, *near(common)])
    assert ((moved_to(scores, np.full(len(scores), common), common) >= common) == (scores >= common)).all()


def test_moved_scores_by_hand() -> None:
    found = moved_to(np.array([0.4, 0.8, 0.9, 0.0, 1.0]), np.full(5, 0.8), 0.5)
    assert found == pytest.approx([0.25, 0.5, 0.75, 0.0, 1.0])


def test_unknown_groups_keep_their_scores_and_rows_do_not_depend_on_each_other() -> None:
    scores = np.array([0.3, 0.9, 0.3, 0.6, 0.999, 0.0])
    X = np.column_stack([np.zeros((6, 2)), [-1.0, 4.0, 1.0, 0.0, 2.0, 3.0]])
    found = ADJUSTMENT.decision_scores(scores, X)
    assert found[:2].tolist() == [0.3, 0.9]
    assert (found[2:] >= 0.5).tolist() == [True, False, False, True]
    alone = [float(ADJUSTMENT.decision_scores(scores[row : row + 1], X[row : row + 1])[0]) for row in range(6)]
    assert alone == found.tolist()


def test_it_needs_the_group_and_draws_nothing() -> None:
    assert isinstance(ADJUSTMENT, Adjustment)
    assert (ADJUSTMENT.needs_group, ADJUSTMENT.randomised) == (True, False)


def test_it_comes_back_from_its_file_to_the_last_bit(tmp_path: Path) -> None:
    write_part(tmp_path, ADJUSTMENT)
    found = read_part(tmp_path, STORED_TYPES)
    assert isinstance(found, GroupThresholds)
    assert found.thresholds.tolist() == ADJUSTMENT.thresholds.tolist()
    assert found.threshold == ADJUSTMENT.threshold


@pytest.mark.parametrize(
    ("key", "value"),
    [("thresholds", []), ("thresholds", [1.5]), ("thresholds", [-0.1]), ("threshold", 0.0), ("more", 1)],
)
def test_numbers_that_cannot_be_are_refused(key: str, value: object, tmp_path: Path) -> None:
    write_part(tmp_path, ADJUSTMENT)
    change_json(tmp_path / "group_thresholds.json", put(key, value))
    with pytest.raises(BundleError, match=r"group_thresholds\.json.* again\.$"):
        read_part(tmp_path, STORED_TYPES)
