"""The exact search of thresholds against trying every combination, and what decisions are worth."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.models.mitigation.gaps import gap
from apps.ml.models.mitigation.threshold_search import Cuts, best_cuts, cuts_of
from apps.ml.models.mitigation.worth import Worth, worth_at
from apps.ml.parameters import Constraint

CONSTRAINTS: tuple[Constraint, ...] = ("equalized_odds", "equal_opportunity", "demographic_parity")
WORTH = Worth(0.5, 0.5)
ROWS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=7)
GROUPS = st.lists(ROWS, min_size=2, max_size=3)


def group_cuts(constraint: Constraint, rows: list[tuple[int, bool]], worth: Worth = WORTH) -> Cuts:
    """Cuts of rows of (score in sixths, label); a row of each label is added, so that both rates exist."""
    rows = [*rows, (1, True), (2, False)]
    scores, labels = np.array([score / 6 for score, _ in rows]), np.array([label for _, label in rows], dtype=np.int8)
    return cuts_of(constraint, labels, scores, worth)


def tried_one_by_one(groups: list[Cuts], tolerances: list[float]) -> float:
    """The best total gain of all combinations of cuts whose rates are within the tolerances."""
    best = -np.inf
    for cuts in product(*(range(len(group.gains)) for group in groups)):
        rates = np.array([group.rates[:, cut] for group, cut in zip(groups, cuts, strict=True)])
        if (np.ptp(rates, axis=0) <= np.array(tolerances) + 1e-9).all():
            best = max(best, sum(float(group.gains[cut]) for group, cut in zip(groups, cuts, strict=True)))
    return best


@settings(deadline=None, max_examples=150)
@given(GROUPS, st.sampled_from(CONSTRAINTS), st.floats(0.0, 0.6), st.floats(0.0, 0.6), st.sampled_from([0.5, 0.2]))
def test_the_search_is_exact(
    groups: list[list[tuple[int, bool]]], constraint: Constraint, first: float, second: float, threshold: float
) -> None:
    cuts = [group_cuts(constraint, rows, worth_at(threshold, np.ones(2))) for rows in groups]
    tolerances = [first, second][: len(cuts[0].rates)]
    chosen = best_cuts(cuts, tolerances)
    rates = np.array([group.rates[:, cut] for group, cut in zip(cuts, chosen, strict=True)])
    assert (np.ptp(rates, axis=0) <= np.array(tolerances) + 1e-9).all()
    total = sum(float(group.gains[cut]) for group, cut in zip(cuts, chosen, strict=True))
    assert total == pytest.approx(tried_one_by_one(cuts, tolerances), abs=1e-9)


@settings(deadline=None)
@given(GROUPS, st.sampled_from(CONSTRAINTS), st.floats(0.0, 0.5), st.randoms(use_true_random=False))
def test_renamed_groups_keep_their_thresholds(
    groups: list[list[tuple[int, bool]]], constraint: Constraint, tolerance: float, random: "np.random.Generator"
) -> None:
    order = list(range(len(groups)))
    random.shuffle(order)
    cuts = [group_cuts(constraint, rows) for rows in groups]
    tolerances = [tolerance] * len(cuts[0].rates)
    chosen, renamed = best_cuts(cuts, tolerances), best_cuts([cuts[place] for place in order], tolerances)
    assert renamed == [chosen[place] for place in order]


def test_thousands_of_rows_are_searched_to_the_end() -> None:
    """By hand: whoever has all the positives above all the negatives loses nothing by being made equal."""
    random = np.random.default_rng(0)
    labels = (np.arange(4000) % 2).astype(np.int8)
    scores = (labels + random.random(4000)) / 2
    cuts = [cuts_of("equalized_odds", labels, scores, WORTH), cuts_of("equalized_odds", labels, scores**3, WORTH)]
    chosen = best_cuts(cuts, (0.0, 0.0))
    assert [cut.rates[:, place].tolist() for cut, place in zip(cuts, chosen, strict=True)] == [[1.0, 0.0]] * 2


def test_a_wide_tolerance_leaves_every_group_its_own_best_cut() -> None:
    cuts = [group_cuts("equalized_odds", [(5, True), (4, True), (3, False)]), group_cuts("equalized_odds", [(0, True)])]
    chosen = best_cuts(cuts, (1.0, 1.0))
    assert [cut.gains[place] for cut, place in zip(cuts, chosen, strict=True)] == [cut.gains.max() for cut in cuts]


def test_worth_by_hand() -> None:
    """At the threshold 0.2 a false positive costs a quarter of a false negative."""
    worth = worth_at(0.2, np.array([1.0, 2.0]))
    assert (worth.true_positive, worth.false_positive) == pytest.approx((1.6, 0.2))
    labels, decisions = np.array([1, 1, 0, 0], dtype=np.int8), np.array([1, 0, 1, 0], dtype=np.int8)
    assert worth.of(labels, decisions) == pytest.approx((1.6 - 0.2) / 4)


def test_worth_at_one_half_orders_decisions_as_accuracy_does() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 50).astype(np.int8)
    made = random.integers(0, 2, (20, 50)).astype(np.int8)
    worth = worth_at(0.5, np.ones(2))
    by_worth = [worth.of(labels, decisions) for decisions in made]
    by_accuracy = [float(np.mean(labels == decisions)) / 2 - float(np.mean(labels == 0)) / 2 for decisions in made]
    assert by_worth == pytest.approx(by_accuracy)


def test_rates_of_cuts_are_those_the_gap_compares() -> None:
    labels, scores = np.array([0, 1, 1, 0], dtype=np.int8), np.array([0.1, 0.4, 0.8, 0.8])
    codes = np.zeros(4, dtype=np.int64)
    for constraint in CONSTRAINTS:
        cut = cuts_of(constraint, labels, scores, WORTH)
        everybody, nobody = np.column_stack([cut.rates[:, -1], cut.rates[:, 0]]).T
        assert (everybody.tolist(), nobody.tolist()) == ([1.0] * len(cut.rates), [0.0] * len(cut.rates))
        assert gap(constraint, labels, (scores >= 0.5).astype(np.int8), codes, 1) is None
