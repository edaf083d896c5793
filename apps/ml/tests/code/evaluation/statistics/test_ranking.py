import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from apps.ml.evaluation.statistics.scores.ranking import average_precision, average_precision_influence, roc_auc

LABELLED = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def split(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = zip(*rows, strict=True)
    return np.array(labels, dtype=np.int8), np.array(scores) / 8


@settings(max_examples=50, deadline=None)
@given(LABELLED)
def test_both_areas_are_those_of_scikit_learn_with_ties(rows: list[tuple[int, int]]) -> None:
    labels, scores = split(rows)
    assert roc_auc(labels, scores, 0.95).value == pytest.approx(roc_auc_score(labels, scores))
    assert average_precision(labels, scores, 0.95).value == pytest.approx(average_precision_score(labels, scores))


@settings(max_examples=50, deadline=None)
@given(LABELLED)
def test_bounds_lie_around_the_estimate_and_within_zero_and_one(rows: list[tuple[int, int]]) -> None:
    for measure in (roc_auc, average_precision):
        found = measure(*split(rows), 0.95)
        assert found.value is not None
        assert found.lower is not None
        assert found.upper is not None
        assert 0 <= found.lower <= found.value + 1e-12
        assert found.value - 1e-12 <= found.upper <= 1


def test_an_area_checked_by_hand() -> None:
    # Positives .8 and .4 against negatives .6, .4, .2: 3 wins and 1 win and 1 tie of 6 pairs.
    labels, scores = np.array([1, 1, 0, 0, 0], dtype=np.int8), np.array([0.8, 0.4, 0.6, 0.4, 0.2])
    assert roc_auc(labels, scores, 0.95).value == pytest.approx(4.5 / 6)
    # Precision 1 at .8 and 2/4 at .4.
    assert average_precision(labels, scores, 0.95).value == pytest.approx((1 + 0.5) / 2)


def test_the_influence_of_a_row_is_the_slope_of_average_precision_in_its_weight() -> None:
    generator = np.random.default_rng(2)
    labels = (generator.random(50) < 0.4).astype(np.int8)
    scores = np.round(generator.normal(labels), 1)
    value, influence = average_precision_influence(labels, scores)
    assert value == pytest.approx(average_precision_score(labels, scores))
    for row in range(50):
        slopes = []
        for step in (1e-5, -1e-5):
            weights = np.ones(50)
            weights[row] += step
            slopes.append(average_precision_score(labels, scores, sample_weight=weights))
        assert influence[row] == pytest.approx(50 * (slopes[0] - slopes[1]) / 2e-5, abs=1e-5)
    assert influence.sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("positives", "negatives", "shift"), [(20, 200, 1.0), (100, 100, 0.5), (30, 30, 2.5)])
def test_intervals_cover_the_true_areas(positives: int, negatives: int, shift: float) -> None:
    base = positives / (positives + negatives)
    grid = np.linspace(-8, 12, 20001)
    above, below = norm.sf(grid - shift), norm.sf(grid)
    precision = base * above / np.maximum(base * above + (1 - base) * below, 1e-300)
    truth = float(norm.cdf(shift / np.sqrt(2))), float(np.trapezoid(precision * norm.pdf(grid - shift), grid))
    generator = np.random.default_rng(7)
    covered = np.zeros(2)
    for _ in range(300):
        labels = (generator.random(positives + negatives) < base).astype(np.int8)
        scores = generator.normal(shift * labels)
        for position, measure in enumerate((roc_auc, average_precision)):
            found = measure(labels, scores, 0.95)
            covered[position] += found.lower <= truth[position] <= found.upper  # type: ignore[operator]
    # Three standard errors of a simulated share of .95 are .038; average precision is known to fall a little short.
    assert covered[0] / 300 > 0.91
    assert covered[1] / 300 > 0.89


@pytest.mark.parametrize(
    ("scores", "value"), [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0), ([0.5] * 4, 0.5)]
)
def test_a_ranking_without_spread_still_has_an_interval_with_width(scores: list[float], value: float) -> None:
    found = roc_auc(np.array([0, 0, 1, 1], dtype=np.int8), np.array(scores), 0.95)
    assert found.value == value
    assert found.upper - found.lower > 0.3  # type: ignore[operator]
    assert "Hanley-McNeil" in str(found.method)


def test_one_row_of_a_class_has_an_interval_too() -> None:
    labels, scores = np.array([0, 0, 0, 1], dtype=np.int8), np.array([0.1, 0.6, 0.2, 0.5])
    assert roc_auc(labels, scores, 0.95).lower < 0.3  # type: ignore[operator]
    assert average_precision(labels, scores, 0.95).upper > 0.6  # type: ignore[operator]


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_cannot_be_ranked(label: int) -> None:
    labels = np.full(3, label, dtype=np.int8)
    for measure in (roc_auc, average_precision):
        assert measure(labels, np.array([0.1, 0.2, 0.3]), 0.95).undefined == (
            "ranking needs rows of both classes and all rows are of one"
        )
