"""Numeric and boolean columns: cases by hand, scikit-learn as the oracle, and columns without a single value."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, RobustScaler, StandardScaler

from apps.ml.errors import DataError
from apps.ml.features.choices import BooleanChoice, NumericChoice
from apps.ml.features.numeric_columns import fit_boolean, fit_numeric

Numbers = npt.NDArray[np.float64]
nan = np.nan


def choice(**changes: Any) -> NumericChoice:
    defaults: dict[str, Any] = {
        "name": "age",
        "imputation": "median",
        "fill_value": 0.0,
        "missing_indicator": True,
        "scaling": "none",
        "bins": 0,
    }
    return NumericChoice(**{**defaults, **changes})


def values_with_gaps(seed: int = 0, rows: int = 200) -> Numbers:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(rows) < 0.2, nan, rng.normal(50, 20, rows))


def test_a_median_fills_the_gaps_and_an_indicator_tells_of_them() -> None:
    encoder = fit_numeric(choice(), np.array([1.0, nan, 2.0, 9.0]))
    assert encoder.names() == ["age", "age is missing"]
    np.testing.assert_array_equal(encoder.encode(np.array([nan, 5.0])), [[2.0, 1.0], [5.0, 0.0]])


def test_standard_scaling_by_hand() -> None:
    encoder = fit_numeric(choice(scaling="standard"), np.array([1.0, 3.0]))
    np.testing.assert_array_equal(encoder.encode(np.array([1.0, 2.0, 5.0])), [[-1.0], [0.0], [3.0]])


def test_there_is_no_indicator_for_a_column_that_misses_nothing_in_training() -> None:
    encoder = fit_numeric(choice(), np.array([1.0, 3.0]))
    assert encoder.names() == ["age"]
    np.testing.assert_array_equal(encoder.encode(np.array([nan])), [[2.0]])


def test_an_indicator_can_be_switched_off() -> None:
    assert fit_numeric(choice(missing_indicator=False), np.array([1.0, nan])).names() == ["age"]


def test_a_constant_fills_the_gaps_with_the_declared_value() -> None:
    encoder = fit_numeric(choice(imputation="constant", fill_value=-7.0), np.array([1.0, nan]))
    assert encoder.encode(np.array([nan]))[0, 0] == -7.0


@pytest.mark.parametrize("imputation", ["median", "mean", "most_frequent"])
@pytest.mark.parametrize(
    ("scaling", "oracle"), [("standard", StandardScaler), ("robust", RobustScaler), ("minmax", MinMaxScaler)]
)
def test_filling_and_scaling_agree_with_a_pipeline_of_scikit_learn(imputation: Any, scaling: Any, oracle: Any) -> None:
    train, other = values_with_gaps(1), values_with_gaps(2)
    encoder = fit_numeric(choice(imputation=imputation, scaling=scaling, missing_indicator=False), train)
    pipeline = make_pipeline(SimpleImputer(strategy=imputation), oracle()).fit(train[:, None])
    np.testing.assert_allclose(encoder.encode(other), pipeline.transform(other[:, None]), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("scaling", ["standard", "robust", "minmax", "none"])
def test_a_constant_column_is_scaled_without_dividing_by_zero(scaling: Any) -> None:
    encoded = fit_numeric(choice(scaling=scaling), np.array([4.0, 4.0, 4.0])).encode(np.array([4.0, nan]))
    np.testing.assert_array_equal(encoded, [[4.0], [4.0]] if scaling == "none" else [[0.0], [0.0]])


@pytest.mark.parametrize("scaling", ["standard", "robust", "minmax", "none"])
def test_a_column_without_a_single_training_value_becomes_the_constant_zero(scaling: Any) -> None:
    encoder = fit_numeric(choice(scaling=scaling, fill_value=3.0), np.array([nan, nan]))
    np.testing.assert_array_equal(encoder.encode(np.array([nan, nan])), [[0.0, 1.0], [0.0, 1.0]])


def test_a_binned_column_without_a_single_training_value_has_one_bin() -> None:
    encoder = fit_numeric(choice(bins=4), np.array([nan, nan]))
    assert encoder.names() == ["age in one bin", "age is missing"]
    np.testing.assert_array_equal(encoder.encode(np.array([nan, 8.0])), [[1.0, 1.0], [1.0, 0.0]])


def test_bins_by_hand_have_readable_names_and_take_a_value_at_an_edge_upwards() -> None:
    encoder = fit_numeric(choice(bins=2), np.array([1.0, 2.0, 3.0, 4.0]))
    assert encoder.names() == ["age < 2.5", "age ≥ 2.5"]
    np.testing.assert_array_equal(encoder.encode(np.array([2.4, 2.5, -99.0])), [[1, 0], [0, 1], [1, 0]])


@pytest.mark.parametrize("bins", [2, 5, 11])
def test_bins_agree_with_those_of_scikit_learn(bins: int) -> None:
    train, other = np.random.default_rng(1).normal(size=300), np.random.default_rng(2).normal(size=300)
    oracle = KBinsDiscretizer(
        bins, encode="onehot-dense", strategy="quantile", quantile_method="averaged_inverted_cdf", subsample=None
    )
    oracle.fit(train[:, None])
    encoder = fit_numeric(choice(bins=bins), train)
    np.testing.assert_array_equal(encoder.encode(other), oracle.transform(other[:, None]))


@pytest.mark.parametrize(("bins", "values"), [(1, [1.0, 2.0, 3.0]), (7, [5.0, 5.0, 5.0])])
def test_a_single_bin_is_one_constant_feature(bins: int, values: list[float]) -> None:
    encoder = fit_numeric(choice(bins=bins), np.array(values))
    np.testing.assert_array_equal(encoder.encode(np.array([0.0, 9.0])), [[1.0], [1.0]])


def test_repeated_values_give_fewer_bins() -> None:
    encoder = fit_numeric(choice(bins=10), np.array([0.0] * 90 + [1.0] * 10))
    assert len(encoder.names()) < 10
    np.testing.assert_array_equal(encoder.encode(values_with_gaps()).sum(axis=1), np.ones(200))


def test_numbers_that_a_forest_could_not_take_stop_at_the_largest_float32() -> None:
    encoder = fit_numeric(choice(scaling="standard"), np.array([0.0, 1e-3]))
    encoded = encoder.encode(np.array([1.7e308, -1.7e308]))
    np.testing.assert_array_equal(encoded.astype(np.float32), [[np.finfo(np.float32).max], [np.finfo(np.float32).min]])


@pytest.mark.parametrize("changes", [{"scaling": "standard"}, {"imputation": "mean", "scaling": "robust"}])
def test_a_column_too_large_to_have_a_mean_is_refused(changes: Any) -> None:
    with pytest.raises(DataError, match="'age' holds numbers too large for imputation"):
        fit_numeric(choice(**changes), np.array([1.7e308, 1.7e308, -1.7e308, 1.7e308]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12) | st.just(nan), min_size=1, max_size=30), st.integers(0, 6))
def test_every_value_is_in_exactly_one_bin_or_is_one_finite_number(values: list[float], bins: int) -> None:
    raw = np.array(values, dtype=np.float64)
    encoded = fit_numeric(choice(bins=bins, scaling="standard", missing_indicator=False), raw).encode(raw)
    assert np.isfinite(encoded).all()
    if bins:
        np.testing.assert_array_equal(encoded.sum(axis=1), np.ones(len(raw)))


def test_a_boolean_column_is_filled_and_not_scaled() -> None:
    encoder = fit_boolean(BooleanChoice("owns_home", "most_frequent", 0.0, True), np.array([1.0, 1.0, 0.0, nan]))
    assert encoder.names() == ["owns_home", "owns_home is missing"]
    np.testing.assert_array_equal(encoder.encode(np.array([0.0, 1.0, nan])), [[0, 0], [1, 0], [1, 1]])


def test_a_boolean_column_can_be_filled_with_a_constant() -> None:
    encoder = fit_boolean(BooleanChoice("owns_home", "constant", 0.5, False), np.array([1.0, nan]))
    np.testing.assert_array_equal(encoder.encode(np.array([nan])), [[0.5]])


def test_a_boolean_column_without_a_single_training_value_takes_the_declared_value() -> None:
    encoder = fit_boolean(BooleanChoice("owns_home", "most_frequent", 0.0, False), np.array([nan, nan]))
    np.testing.assert_array_equal(encoder.encode(np.array([nan, 1.0])), [[0.0], [1.0]])
