"""Paired comparisons are checked against published intervals, slow second implementations and simulation."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.scores.ranking import roc_auc
from apps.ml.evaluation.statistics.shares.paired import (
    paired_auc_difference,
    paired_gap_change,
    paired_share_difference,
)
from apps.ml.evaluation.statistics.shares.rates import RATES

CELL = st.integers(0, 60)


def bounds(found: Measurement) -> tuple[float, float]:
    assert found.lower is not None
    assert found.upper is not None
    return found.lower, found.upper


def test_the_share_difference_is_known_better_than_from_separate_rows() -> None:
    found = paired_share_difference(30, 12, 5, 53, 0.95)
    assert found.value == pytest.approx(0.07)
    assert bounds(found) == pytest.approx((-0.0119, 0.1574), abs=5e-4)


def score_statistic(difference: float, more: int, less: int, rows: int) -> float:
    """Distance over its error, the share of the other direction being found by search, not by formula."""

    def minus_likelihood(q: float) -> float:
        shares = np.array([q + difference, q, 1 - 2 * q - difference])
        counts = np.array([more, less, rows - more - less])
        return float(-(counts[counts > 0] * np.log(shares[counts > 0])).sum())

    low, high = max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12
    q = minimize_scalar(minus_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return float((more - less - rows * difference) / np.sqrt(rows * (2 * q + difference * (1 - difference))))


@pytest.mark.parametrize(("more", "less", "rows"), [(12, 5, 100), (3, 1, 20), (8, 9, 400), (1, 6, 30)])
def test_tangos_bounds_are_where_the_searched_score_statistic_is_the_quantile(more: int, less: int, rows: int) -> None:
    lower, upper = bounds(paired_share_difference(0, more, less, rows - more - less, 0.95))
    assert score_statistic(lower, more, less, rows) == pytest.approx(1.96, abs=1e-3)
    assert score_statistic(upper, more, less, rows) == pytest.approx(-1.96, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(CELL, CELL, CELL, CELL)
def test_the_share_difference_turns_around_with_the_models(both: int, new: int, old: int, neither: int) -> None:
    found, back = (
        paired_share_difference(both, new, old, neither, 0.95),
        paired_share_difference(both, old, new, neither, 0.95),
    )
    if found.value is None:
        assert both + new + old + neither == 0
        return
    lower, upper = bounds(found)
    assert -1 <= lower <= found.value <= upper <= 1
    assert bounds(back) == pytest.approx((-upper, -lower), abs=1e-9)


def test_models_that_never_differ_leave_room_and_no_rows_are_undefined() -> None:
    lower, upper = bounds(paired_share_difference(50, 0, 0, 50, 0.95))
    assert lower == pytest.approx(-upper)
    assert upper == pytest.approx(1.96**2 / (100 + 1.96**2), abs=1e-4)
    assert paired_share_difference(0, 0, 0, 0, 0.95).undefined


def slow_delong(labels: npt.NDArray[np.int8], new: npt.NDArray[np.float64], old: npt.NDArray[np.float64]) -> float:
    """Variance of the difference from every (positive, negative) pair, as written down by DeLong."""
    wins = []
    for scores in (new, old):
        p, q = scores[labels == 1][:, None], scores[labels == 0][None, :]
        wins.append((p > q) + 0.5 * (p == q))
    m, n = wins[0].shape
    by_positive = np.cov([win.mean(axis=1) for win in wins])
    by_negative = np.cov([win.mean(axis=0) for win in wins])
    covariance = by_positive / m + by_negative / n
    return float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])


def test_the_area_difference_is_delongs() -> None:
    generator = np.random.default_rng(4)
    labels = (generator.random(150) < 0.4).astype(np.int8)
    new = np.round(labels + generator.normal(size=150), 1)
    old = np.round(0.5 * new + generator.normal(size=150), 1)
    found = paired_auc_difference(labels, new, old, 0.95)
    areas = [roc_auc(labels, scores, 0.95).value for scores in (new, old)]
    assert areas[0] is not None
    assert areas[1] is not None
    assert found.value == pytest.approx(areas[0] - areas[1])
    lower, upper = bounds(found)
    assert (upper - lower) / 2 == pytest.approx(1.959964 * slow_delong(labels, new, old) ** 0.5)


def test_equal_rankings_do_not_differ_and_one_class_is_undefined() -> None:
    labels = np.array([0, 1, 1, 0, 1, 0], dtype=np.int8)
    scores = np.array([0.1, 0.8, 0.4, 0.5, 0.9, 0.2])
    assert bounds(paired_auc_difference(labels, scores, scores**3, 0.95)) == (0, 0)
    assert paired_auc_difference(np.ones(6, dtype=np.int8), scores, scores, 0.95).undefined
    assert paired_auc_difference(np.array([1, 0, 0, 0, 0, 0], dtype=np.int8), scores, scores, 0.95).undefined


def drawn_pairs(
    generator: np.random.Generator, rows: int, new: list[float], old: list[float], apart: float
) -> npt.NDArray[np.int64]:
    """Rows by [group, label 0, new, old]; both models decide by the same luck but for a share `apart`."""
    counts = np.zeros((len(new), 2, 2, 2), dtype=np.int64)
    for group, (p, q) in enumerate(zip(new, old, strict=True)):
        luck = generator.random(rows)
        other = np.where(generator.random(rows) < apart, generator.random(rows), luck)
        np.add.at(counts[group, 0], ((luck < p).astype(int), (other < q).astype(int)), 1)
    return counts


TRUTHS = [
    pytest.param([0.3] * 4, [0.3] * 4, 0.1, id="no change at parity"),
    pytest.param([0.3, 0.3, 0.45], [0.3, 0.3, 0.45], 0.1, id="no change of a gap"),
    pytest.param([0.3, 0.45], [0.3, 0.45], 1.0, id="no change, independent models"),
    pytest.param([0.3] * 4, [0.3, 0.3, 0.3, 0.5], 0.1, id="a gap is closed"),
    pytest.param([0.3, 0.3, 0.3, 0.5], [0.3] * 4, 0.1, id="a gap is opened"),
    pytest.param([0.3, 0.35, 0.4], [0.3, 0.4, 0.35], 0.1, id="groups change places"),
]


@pytest.mark.parametrize(("new", "old", "apart"), TRUTHS)
def test_the_change_of_the_gap_is_covered(new: list[float], old: list[float], apart: float) -> None:
    generator = np.random.default_rng(8)
    truth, missed = float(np.ptp(new) - np.ptp(old)), 0
    for _ in range(100):
        counts = drawn_pairs(generator, 200, new, old, apart)
        lower, upper = bounds(paired_gap_change(counts, RATES["selection_rate"], "positive", 0.95, 0, 0))
        missed += not lower - 1e-12 <= truth <= upper + 1e-12
    assert missed <= 11  # five expected at most, and three standard errors


def test_pairing_narrows_the_interval_of_the_change_and_names_work_too() -> None:
    generator = np.random.default_rng(2)
    alike, unlike = (drawn_pairs(generator, 1000, [0.3, 0.5], [0.3, 0.5], apart) for apart in (0.05, 1.0))
    narrow = bounds(paired_gap_change(alike, "favourable_rate", "positive", 0.95, 0, 0))
    wide = bounds(paired_gap_change(unlike, "favourable_rate", "positive", 0.95, 0, 0))
    assert narrow[1] - narrow[0] < 0.5 * (wide[1] - wide[0])


def test_the_change_turns_around_with_the_models() -> None:
    counts = np.random.default_rng(6).integers(1, 40, size=(3, 2, 2, 2))
    there = paired_gap_change(counts, "true_positive_rate", "positive", 0.95, 0, 0)
    back = paired_gap_change(counts.swapaxes(2, 3), "true_positive_rate", "positive", 0.95, 0, 0)
    lower, upper = bounds(there)
    assert bounds(back) == pytest.approx((-upper, -lower))


def test_predictive_values_are_drawn_anew_with_their_seed_and_nobody_is_undefined() -> None:
    counts = np.random.default_rng(6).integers(5, 40, size=(3, 2, 2, 2))
    found = paired_gap_change(counts, "positive_predictive_value", "positive", 0.95, 300, 1)
    assert found == paired_gap_change(counts, "positive_predictive_value", "positive", 0.95, 300, 1)
    lower, upper = bounds(found)
    assert found.value is not None
    assert lower < found.value < upper
    counts[1, 1] = 0
    assert paired_gap_change(counts, "true_positive_rate", "positive", 0.95, 300, 1).undefined
