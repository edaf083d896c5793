"""The convex problem behind blind decisions against a linear program, and the formula of rates without groups."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from apps.ml.models.mitigation.blind_rule import CalibrationRows, _Dual, fitted_rule
from apps.ml.models.parts.blind_adjustment import RATES, capped, moved_scores, rate_terms
from apps.ml.parameters import Constraint

CONSTRAINTS: tuple[Constraint, ...] = ("equalized_odds", "equal_opportunity", "demographic_parity")


def calibration_rows(
    constraint: Constraint, n: int, groups: int, seed: int = 0, threshold: float = 0.5
) -> CalibrationRows:
    """Rows whose labels and groups are drawn from the probabilities that the rule is told."""
    random = np.random.default_rng(seed)
    scores = random.beta(1.0, 1.5, n)
    towards = np.column_stack([np.zeros(n), *(group * 1.5 * (scores - 0.3) for group in range(1, groups))])
    odds = np.array([np.exp(towards + random.normal(size=(n, groups)) * 0.8) for _ in (0, 1)])
    membership = odds / odds.sum(axis=2, keepdims=True)
    labels = (random.random(n) < scores).astype(np.int8)
    own = membership[labels, np.arange(n)]
    codes = (random.random((n, 1)) > np.cumsum(own, axis=1)).sum(axis=1)
    shares = np.bincount(groups * labels + codes, minlength=2 * groups).reshape(2, groups) / n
    units = {"equalized_odds": shares[::-1], "equal_opportunity": shares[1:]}.get(
        constraint, shares.sum(0, keepdims=True)
    )
    terms = rate_terms(constraint, scores, membership, shares)
    return CalibrationRows(constraint, threshold, scores, labels, codes, terms, units, np.ones(n))


def solved_as_linear_program(rows: CalibrationRows, shift: np.ndarray, aims: np.ndarray) -> float:
    """The largest mean worth of decisions in [0, 1] whose modelled rates, shifted, are within the aims of each other.

    Variables: the decisions, and the lowest rate of any group for each compared rate.
    """
    n, (count, groups) = len(rows.scores), rows.units.shape
    above, below = [], []
    for rate in range(count):
        lowest = np.zeros((groups, count))
        lowest[:, rate] = -1.0
        above.append(np.hstack([rows.terms[rate].T / n, lowest]))
        below.append(-above[-1])
    limits = [aims[rate] - shift[rate] for rate in range(count)], [shift[rate] for rate in range(count)]
    found: Any = linprog(
        np.concatenate([-(rows.scores - rows.threshold) / n, np.zeros(count)]),
        A_ub=np.vstack([*above, *below]),
        b_ub=np.concatenate([*limits[0], *limits[1]]),
        bounds=[(0, 1)] * n + [(None, None)] * count,
    )
    return -float(found.fun)


def value_of_dual(rows: CalibrationRows, multipliers: np.ndarray, shift: np.ndarray, aims: np.ndarray) -> float:
    """The formula of the module's docstring, written once more."""
    moved = rows.scores - rows.threshold - np.einsum("rng,rg->n", rows.terms, multipliers)
    slack = (aims / 2) @ np.abs(multipliers).sum(axis=1)
    return float(np.mean(np.maximum(moved, 0.0)) - np.sum(multipliers * shift) + slack)


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize(("groups", "threshold"), [(2, 0.5), (3, 0.3)])
def test_multipliers_are_optimal(constraint: Constraint, groups: int, threshold: float) -> None:
    rows = calibration_rows(constraint, 400, groups, threshold=threshold)
    aims = np.full(RATES[constraint], 0.02)
    dual = _Dual(rows)
    for seed in (0, 1):
        shift = seed * np.random.default_rng(seed).normal(size=rows.units.shape) * 0.02
        multipliers = dual.minimum(shift, aims)
        assert np.abs(multipliers.sum(axis=1)).max() < 1e-12
        expected = solved_as_linear_program(rows, shift, aims)
        assert value_of_dual(rows, multipliers, shift, aims) == pytest.approx(expected, abs=1e-8)


def test_multipliers_far_outside_of_the_first_box_are_found() -> None:
    """Two groups that are known for sure, one of which scores a tenth: its scores have to be moved tenfold."""
    random = np.random.default_rng(1)
    codes = np.arange(400) % 2
    scores = np.where(codes == 0, 0.02, 1.0) * random.random(400)
    membership = np.broadcast_to(np.column_stack([codes == 0, codes == 1]).astype(float), (2, 400, 2))
    labels = (random.random(400) < scores).astype(np.int8)
    shares = np.full((2, 2), 0.25)
    terms = rate_terms("demographic_parity", scores, membership, shares)
    rows = CalibrationRows(
        "demographic_parity", 0.5, scores, labels, codes, terms, shares.sum(0, keepdims=True), np.ones(400)
    )
    aims = np.array([0.02])
    multipliers = _Dual(rows).minimum(np.zeros((1, 2)), aims)
    expected = solved_as_linear_program(rows, np.zeros((1, 2)), aims)
    assert value_of_dual(rows, multipliers, np.zeros((1, 2)), aims) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("groups", [2, 3])
def test_counted_rates_keep_to_the_aims(constraint: Constraint, groups: int) -> None:
    rows = calibration_rows(constraint, 4000, groups)
    before = np.ptp(rows.counted(rows.decisions(np.zeros_like(rows.units))), axis=1)
    rule = fitted_rule(rows, (0.02,) * RATES[constraint])
    after = np.ptp(rows.counted(rows.decisions(rule.multipliers)), axis=1)
    assert before.max() > 0.06
    assert after.max() <= 0.02
    assert rule.excess == 0.0


def test_without_need_nothing_is_moved() -> None:
    rows = calibration_rows("equalized_odds", 500, 2)
    assert (fitted_rule(rows, (0.9, 0.9)).multipliers == 0).all()


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_means_of_terms_are_the_rates_of_groups(constraint: Constraint) -> None:
    """Labels and groups are drawn from the probabilities, so modelled and counted rates agree but for the draw."""
    rows = calibration_rows(constraint, 60_000, 3)
    decisions = (rows.scores >= 0.4).astype(np.int8)
    modelled = np.mean(rows.terms * decisions[None, :, None], axis=1)
    assert np.abs(modelled - rows.counted(decisions)).max() < 0.02


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8), st.floats(0.0, 0.5))
def test_two_groups_are_kept_away_from_certainty(first: list[float], doubt: float) -> None:
    column = np.array(first)
    membership = np.array([np.column_stack([column, 1.0 - column])] * 2)
    found = capped(membership, np.full((2, 2), 0.25), doubt)
    assert found == pytest.approx(np.clip(membership, doubt, 1.0 - doubt))


@given(st.integers(2, 5), st.floats(0.0, 0.5), st.integers(0, 99))
def test_capped_probabilities_sum_to_one(groups: int, doubt: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    membership = random.dirichlet(np.full(groups, 0.3), size=(2, 6))
    found = capped(membership, random.dirichlet(np.ones(2 * groups)).reshape(2, groups), doubt)
    assert found.sum(axis=2) == pytest.approx(np.ones((2, 6)))
    assert found.max() <= 1.0 - doubt + 1e-12
    assert found.min() >= 0.0


def test_moved_scores_by_hand() -> None:
    """0.6 − (2 · 0.1 − 1 · 0.1) = 0.5; the second row leaves [0, 1] and is held to it."""
    terms = np.array([[[2.0, 1.0], [9.0, 0.0]]])
    assert moved_scores(np.array([0.6, 0.3]), terms, np.array([[0.1, -0.1]])) == pytest.approx([0.5, 0.0])
