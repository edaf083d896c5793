import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.scores.group_ranking import abroca, roc_auc_by_group, roc_auc_difference
from apps.ml.evaluation.statistics.scores.ranking import roc_auc

STEPS = 20
GROUPED = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(0, STEPS - 1)), min_size=6, max_size=60
).filter(lambda rows: all({(g, y) for g, y, _ in rows} >= {(g, 0), (g, 1)} for g in {g for g, _, _ in rows}))


def table_of(groups: np.ndarray, labels: np.ndarray, scores: np.ndarray, steps: int = 1000) -> ScoreTable:
    joint = count_jointly(np.zeros(len(labels)), pd.DataFrame({"g": groups}), labels, scores, score_bins=steps)
    return joint.scores("g")


def split(rows: list[tuple[str, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    groups, labels, steps = zip(*rows, strict=True)
    return np.array(groups), np.array(labels, dtype=np.int8), (np.array(steps) + 0.5) / STEPS


def drawn(generator: np.random.Generator, shifts: list[float], spreads: list[float], m: int, n: int) -> ScoreTable:
    """Binormal scores on the probability scale: m positives and n negatives per group."""
    groups = np.repeat([f"g{at}" for at in range(len(shifts))], m + n)
    labels = np.tile(np.repeat([1, 0], [m, n]), len(shifts))
    latent = [np.r_[generator.normal(a, s, m), generator.normal(0, 1, n)] for a, s in zip(shifts, spreads, strict=True)]
    return table_of(groups, labels, 1 / (1 + np.exp(-np.concatenate(latent))))


def true_areas(shifts: list[float], spreads: list[float]) -> tuple[float, float]:
    """Largest difference of, and largest area between, binormal ROC curves."""
    alarms = (np.arange(5000) + 0.5) / 5000
    curves = [norm.sf((norm.isf(alarms) - a) / s) for a, s in zip(shifts, spreads, strict=True)]
    between = max(float(np.abs(one - other).mean()) for one in curves for other in curves)
    return float(np.ptp([curve.mean() for curve in curves])), between


def slow_abroca(groups: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> float:
    """Midpoint rule on a fine grid, curve by curve from scikit-learn."""
    grid = (np.arange(40000) + 0.5) / 40000
    curves = []
    for name in np.unique(groups):
        inside = groups == name
        alarms, hits, _ = roc_curve(labels[inside], scores[inside], drop_intermediate=False)
        curves.append(np.interp(grid, alarms, hits))
    return max(float(np.abs(one - other).mean()) for one in curves for other in curves)


def number(found: float | None) -> float:
    assert found is not None
    return found


def bounds(found: Measurement) -> list[float]:
    return [number(found.value), number(found.lower), number(found.upper)]


def within_bounds(found: Measurement) -> bool:
    return 0 <= number(found.lower) <= number(found.value) <= number(found.upper) <= 1


def test_areas_and_their_difference_checked_by_hand() -> None:
    # a: 3 wins, 1 win and 1 tie of 6 pairs; b: every pair in order.
    groups = np.array(["a"] * 5 + ["b"] * 4)
    labels = np.array([1, 1, 0, 0, 0, 1, 1, 0, 0])
    scores = np.array([0.8, 0.4, 0.6, 0.4, 0.2, 0.9, 0.8, 0.2, 0.1])
    table = table_of(groups, labels, scores)
    found = roc_auc_by_group(table, 0.95)
    assert found["a"].value == pytest.approx(4.5 / 6)
    assert found["b"].value == 1.0
    gap = roc_auc_difference(table, 0.95)
    assert gap.value == pytest.approx(0.25)
    assert (gap.lowest, gap.highest, gap.n) == ("a", "b", 9)


def test_the_area_between_two_curves_checked_by_hand() -> None:
    # a follows the left and upper edge, b is the diagonal: the triangle between them.
    groups, labels = np.repeat(["a", "b"], 4), np.array([0, 0, 1, 1] * 2)
    scores = np.array([0.1, 0.2, 0.8, 0.9, 0.5, 0.5, 0.5, 0.5])
    found = abroca(table_of(groups, labels, scores), 0.95, 100, 0)
    assert found.value == pytest.approx(0.5)
    assert (found.lowest, found.highest) == ("b", "a")


def test_curves_that_cross_have_an_area_between_them_though_their_own_areas_are_equal() -> None:
    # Both have an area of 1/2 under them, b is a mirrored at the middle.
    groups, labels = np.repeat(["a", "b"], 4), np.array([1, 0, 0, 1, 0, 1, 1, 0])
    scores = np.array([0.9, 0.7, 0.5, 0.3] * 2)
    table = table_of(groups, labels, scores)
    assert roc_auc_difference(table, 0.95).value == pytest.approx(0.0)
    assert abroca(table, 0.95, 100, 0).value == pytest.approx(slow_abroca(groups, labels, scores), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(GROUPED)
def test_areas_are_those_of_scikit_learn_and_intervals_those_of_the_rows(rows: list[tuple[str, int, int]]) -> None:
    groups, labels, scores = split(rows)
    for name, found in roc_auc_by_group(table_of(groups, labels, scores, STEPS), 0.9).items():
        inside = groups == name
        by_rows = roc_auc(labels[inside], scores[inside], 0.9)
        assert found.value == pytest.approx(roc_auc_score(labels[inside], scores[inside]))
        # Equal scores are recognised as ties, so nothing is added for the steps.
        assert found.lower == pytest.approx(by_rows.lower)
        assert found.upper == pytest.approx(by_rows.upper)
        assert found.method is not None
        assert "steps" not in found.method


@settings(max_examples=40, deadline=None)
@given(GROUPED.filter(lambda rows: len({g for g, _, _ in rows}) > 1))
def test_the_area_between_curves_is_exact_and_not_below_the_difference(rows: list[tuple[str, int, int]]) -> None:
    groups, labels, scores = split(rows)
    table = table_of(groups, labels, scores, STEPS)
    between, apart = abroca(table, 0.9, 100, 0), roc_auc_difference(table, 0.9)
    assert between.value == pytest.approx(slow_abroca(groups, labels, scores), abs=1e-3)
    assert number(between.value) >= number(apart.value) - 1e-12
    assert within_bounds(between)
    assert within_bounds(apart)


@settings(max_examples=25, deadline=None)
@given(GROUPED.filter(lambda rows: len({g for g, _, _ in rows}) > 1))
def test_order_of_rows_and_names_of_groups_do_not_matter(rows: list[tuple[str, int, int]]) -> None:
    groups, labels, scores = split(rows)
    renamed = np.array([{"a": "z", "b": "y", "c": "x"}[name] for name in groups])
    one = table_of(groups, labels, scores, STEPS)
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    other = table_of(renamed[order], labels[order], scores[order], STEPS)
    for measure in (lambda table: abroca(table, 0.9, 100, 0), lambda table: roc_auc_difference(table, 0.9)):
        first, second = measure(one), measure(other)
        for one_bound, other_bound in zip(bounds(first), bounds(second), strict=True):
            assert one_bound == pytest.approx(other_bound)


def test_curves_that_do_not_cross_have_the_difference_of_their_areas_between_them() -> None:
    table = drawn(np.random.default_rng(5), [3.0, 0.2], [1.0, 1.0], 400, 400)
    assert abroca(table, 0.95, 100, 0).value == pytest.approx(roc_auc_difference(table, 0.95).value, abs=1e-9)


def test_coarse_steps_are_stated_and_the_interval_reaches_the_area_of_the_scores() -> None:
    generator = np.random.default_rng(3)
    labels, scores = np.repeat([0, 1], 300), np.r_[generator.beta(2, 3, 300), generator.beta(3, 2, 300)]
    found = roc_auc_by_group(table_of(np.full(600, "a"), labels, scores, 4), 0.95)["a"]
    exact = roc_auc(labels.astype(np.int8), scores, 0.95)
    assert "scores in 4 steps" in str(found.method)
    assert number(found.lower) < number(exact.lower)
    assert number(found.upper) > number(exact.upper)


def test_scores_without_ties_are_read_from_a_thousand_steps_almost_exactly() -> None:
    generator = np.random.default_rng(4)
    labels = (generator.random(5000) < 0.4).astype(np.int8)
    scores = generator.beta(2 + labels, 3)
    found = roc_auc_by_group(table_of(np.full(5000, "a"), labels, scores), 0.95)["a"]
    exact = roc_auc(labels, scores, 0.95)
    assert found.value == pytest.approx(exact.value, abs=2e-4)
    assert found.lower == pytest.approx(exact.lower, abs=2e-3)


@pytest.mark.parametrize(
    ("shifts", "spreads", "m", "n"),
    [
        ([1.0, 1.0], [1.0, 1.0], 40, 80),
        ([1.0] * 4, [1.0] * 4, 30, 60),
        ([1.0, 1.0], [2.0, 0.6], 80, 80),
        ([1.5, 0.8], [1.0, 1.0], 60, 60),
    ],
)
def test_intervals_cover_the_true_difference_and_the_true_area_between(
    shifts: list[float], spreads: list[float], m: int, n: int
) -> None:
    apart, between = true_areas(shifts, spreads)
    generator = np.random.default_rng(6)
    covered = np.zeros(2)
    for _ in range(120):
        table = drawn(generator, shifts, spreads, m, n)
        found = (roc_auc_difference(table, 0.95), abroca(table, 0.95, 100, 0))
        for at, (one, truth) in enumerate(zip(found, (apart, between), strict=True)):
            covered[at] += number(one.lower) <= truth + 1e-12 and truth <= number(one.upper)
    # Three standard errors of a simulated share of .95 are .06.
    assert covered.min() / 120 > 0.95 - 0.06


def test_a_difference_that_is_there_is_found_by_both() -> None:
    table = drawn(np.random.default_rng(7), [1.8, 0.6, 1.8], [1.0] * 3, 400, 400)
    for found in (roc_auc_difference(table, 0.95), abroca(table, 0.95, 1000, 0)):
        assert number(found.lower) > 0.05
        assert found.lowest == "g1"


def test_crossing_curves_are_found_though_their_areas_are_equal() -> None:
    # Equal areas Φ(a / √(1 + s²)), curves of very different shape.
    shifts, spreads = [1.0 * 5**0.5, 1.0 * 1.16**0.5], [2.0, 0.4]
    table = drawn(np.random.default_rng(8), shifts, spreads, 800, 800)
    assert roc_auc_difference(table, 0.95).lower == 0.0
    assert number(abroca(table, 0.95, 1000, 0).lower) > 0.02


def test_a_group_of_one_class_is_undefined_and_named_in_every_comparison() -> None:
    groups, labels = np.array(list("aaabbb")), np.array([0, 1, 1, 1, 1, 1])
    table = table_of(groups, labels, np.linspace(0.1, 0.9, 6))
    reason = "ranking needs rows of both classes and all rows are of one"
    assert roc_auc_by_group(table, 0.95)["b"].undefined == reason
    assert roc_auc_by_group(table, 0.95)["a"].is_defined
    for found in (roc_auc_difference(table, 0.95), abroca(table, 0.95, 100, 0)):
        assert found.undefined == f"the ROC curve is undefined for 'b': {reason}"
        assert found.n == 6


def test_one_group_cannot_be_compared() -> None:
    table = table_of(np.array(["a", "a"]), np.array([0, 1]), np.array([0.2, 0.4]))
    assert roc_auc_difference(table, 0.95).undefined == (
        "a comparison needs at least two judged groups and only 'a' is judged"
    )
    assert "none is judged" in str(abroca(table.select([]), 0.95, 100, 0).undefined)


def test_a_perfect_ranking_in_both_groups_still_has_an_interval_with_width() -> None:
    groups, labels = np.repeat(["a", "b"], 6), np.array([0, 0, 0, 1, 1, 1] * 2)
    table = table_of(groups, labels, np.tile([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], 2))
    for found in (roc_auc_difference(table, 0.95), abroca(table, 0.95, 100, 0)):
        assert found.value == 0.0
        assert found.lower == 0.0
        assert number(found.upper) > 0.2


@pytest.mark.slow
def test_forty_groups_of_a_thousand_steps_take_less_than_a_quarter_of_a_second_of_work() -> None:
    table = drawn(np.random.default_rng(9), [1.0] * 40, [1.0] * 40, 2000, 3000)
    abroca(table, 0.95, 1000, 0)
    start = time.process_time()
    roc_auc_by_group(table, 0.95)
    roc_auc_difference(table, 0.95)
    abroca(table, 0.95, 1000, 0)
    assert time.process_time() - start < 0.25
