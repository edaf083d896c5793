"""A row's moved score is the one that the blind adjustment gives it among others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.deployment.scorers.blind_decisions import bound_moved_score
from apps.ml.deployment.scorers.formula import generic
from apps.ml.models.parts.blind_adjustment import RATES, BlindAdjustment

SHARES = {2: np.array([[0.4, 0.6], [0.7, 0.3]]), 3: np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])}
MULTIPLIERS = {2: np.array([[0.02, -0.02], [-0.01, 0.01]]), 3: np.array([[0.02, 0.01, -0.03], [0.0, -0.01, 0.01]])}


@dataclass(frozen=True)
class Membership:
    """Says of a row, the label behind it, that it is of the group with the probability in one of its features."""

    place: int

    def score(self, X: np.ndarray) -> np.ndarray:
        return np.abs(X[:, self.place] - 0.25 * X[:, -1])


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("constraint", RATES)
@given(
    features=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    score=st.floats(0, 1),
    doubt=st.sampled_from([0.0, 0.05, 0.3]),
)
@settings(max_examples=40, deadline=None)
def test_it_is_that_of_the_adjustment(
    groups: int, constraint: str, features: list[float], score: float, doubt: float
) -> None:
    members: Any = tuple(Membership(place) for place in range(1 if groups == 2 else groups))
    multipliers = MULTIPLIERS[groups][: RATES[constraint]]
    adjustment = BlindAdjustment(constraint, 0.5, doubt, SHARES[groups], multipliers, members)
    x = np.array(features)
    moved = bound_moved_score(adjustment, [generic(member.score) for member in members], x)
    assert moved(score) == pytest.approx(adjustment.decision_scores(np.array([score]), x[None, :])[0], abs=1e-15)
