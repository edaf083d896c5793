"""scikit-learn and scipy are the oracles of the estimates; coverage of the intervals is simulated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.numbers.errors import (
    calibration_slope,
    deviation,
    mean_absolute_error,
    mean_error,
    mean_squared_error,
    median_absolute_error,
    r_squared,
    root_mean_squared_error,
)

Rows = tuple[np.ndarray, np.ndarray]


def drawn(seed: int, n: int = 200) -> Rows:
    """Labels, and predictions whose errors are normal with deviation 1 around a fifth of the labels' variance."""
    generator = np.random.default_rng(seed)
    predictions = 2 * generator.normal(size=n)
    return predictions + generator.normal(size=n), predictions


def within(found: Measurement, truth: float) -> bool:
    assert found.lower is not None
    assert found.upper is not None
    return found.lower <= truth <= found.upper


def test_estimates_are_those_of_scikit_learn() -> None:
    labels, predictions = drawn(1)
    errors = predictions - labels
    assert mean_absolute_error(errors, 0.95).value == pytest.approx(oracle.mean_absolute_error(labels, predictions))
    assert mean_squared_error(errors, 0.95).value == pytest.approx(oracle.mean_squared_error(labels, predictions))
    assert root_mean_squared_error(errors, 0.95).value == pytest.approx(
        oracle.root_mean_squared_error(labels, predictions)
    )
    assert median_absolute_error(errors, 0.95).value == pytest.approx(oracle.median_absolute_error(labels, predictions))
    assert r_squared(labels, predictions, 0.95).value == pytest.approx(oracle.r2_score(labels, predictions))
    slope = stats.linregress(predictions, labels)
    found = calibration_slope(labels, predictions, 0.95)
    assert found.value == pytest.approx(slope.slope)
    assert found.lower == pytest.approx(slope.slope - 1.97 * slope.stderr, rel=0.03)
    assert deviation(labels, 0.95).value == pytest.approx(np.std(labels, ddof=1))


def test_two_rows_by_hand() -> None:
    errors = np.array([1.0, 3.0])
    assert mean_squared_error(errors, 0.95).value == 5
    assert root_mean_squared_error(errors, 0.95).value == pytest.approx(5**0.5)
    assert mean_error(-errors, 0.95).value == -2
    assert r_squared(np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 6.0]), 0.95).value == 0.5


def test_the_median_lies_between_order_statistics_of_the_sign_test() -> None:
    sizes = np.arange(1.0, 21.0)
    found = median_absolute_error(sizes, 0.95)
    # Of 20 rows the 6th and the 15th hold the median with .9586, the 7th and the 14th with .885.
    assert (found.value, found.lower, found.upper) == (10.5, 6, 15)
    assert median_absolute_error(sizes[:5], 0.95).lower is None


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    measures = {
        "rmse": (lambda y, p: root_mean_squared_error(p - y, 0.95), 1.0),
        "mae": (lambda y, p: mean_absolute_error(p - y, 0.95), (2 / np.pi) ** 0.5),
        "median": (lambda y, p: median_absolute_error(p - y, 0.95), stats.norm.ppf(0.75)),
        "r2": (lambda y, p: r_squared(y, p, 0.95), 0.8),
        "slope": (lambda y, p: calibration_slope(y, p, 0.95), 1.0),
        "deviation": (lambda *rows: deviation(rows[1], 0.95), 2.0),
    }
    runs = 300
    covered = {
        name: sum(within(measure(*drawn(seed, 100)), truth) for seed in range(runs)) / runs
        for name, (measure, truth) in measures.items()
    }
    # Three standard errors of a simulated share of .95 are .038.
    assert min(covered.values()) > 0.95 - 0.038, covered


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 1000), st.floats(-1e4, 1e4))
def test_a_change_of_unit_changes_errors_by_its_factor_and_leaves_r_squared(
    seed: int, factor: float, shift: float
) -> None:
    labels, predictions = drawn(seed, 30)
    other = (factor * labels + shift, factor * predictions + shift)
    assert r_squared(*other, 0.9).lower == pytest.approx(r_squared(labels, predictions, 0.9).lower, abs=1e-6)
    one, two = (root_mean_squared_error(p - y, 0.9) for y, p in ((labels, predictions), other))
    assert two.upper == pytest.approx(factor * (one.upper or 0), rel=1e-6)


def test_what_cannot_be_told_is_undefined_with_its_reason() -> None:
    constant, varying = np.ones(5), np.arange(5.0)
    assert "nothing to explain" in str(r_squared(constant, varying, 0.95).undefined)
    assert "no slope" in str(calibration_slope(varying, constant, 0.95).undefined)
    assert "three rows" in str(r_squared(varying[:2], varying[:2], 0.95).undefined)
    assert "two rows" in str(mean_squared_error(varying[:1], 0.95).undefined)
    assert median_absolute_error(varying[:0], 0.95).undefined == "there are no rows"
    assert deviation(constant, 0.95).value == 0


def test_a_constant_never_explains_anything_and_a_perfect_prediction_explains_all() -> None:
    labels = drawn(3)[0]
    for number in (labels.mean(), 7.0):
        found = r_squared(labels, np.full(len(labels), number), 0.95)
        assert found.lower is not None
        assert found.lower <= 0
    perfect = r_squared(labels, labels, 0.95)
    assert (perfect.value, perfect.lower) == (1, 1)
