import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from apps.ml.evaluation.statistics.numbers.errors import mean_error
from apps.ml.evaluation.truth import check_against_truth, correlation, true_probabilities

SCORES = np.array([0.2, 0.4, 0.6, 0.8])
GROUPS = pd.DataFrame({"sex": ["f", "f", "m", "m"]})


def test_only_columns_named_true_that_hold_probabilities_are_the_truth() -> None:
    held_out = pd.DataFrame(
        {
            "true_chance": [0.0, 0.5, 1.0],
            "true_name": ["a", "b", "c"],
            "true_income": [0.1, 0.2, 30.0],
            "true_gap": [0.1, np.nan, 0.2],
            "chance": [0.1, 0.2, 0.3],
        }
    )
    assert list(true_probabilities(held_out)) == ["true_chance"]


def test_errors_by_hand_over_all_rows_and_by_group() -> None:
    truth = pd.DataFrame({"true_chance": [0.1, 0.3, 0.7, 0.9]})
    found = check_against_truth(truth, SCORES, GROUPS, 0.95)["true_chance"]
    assert found["mean_error"]["value"] == pytest.approx(0.0)
    assert found["mean_absolute_error"]["value"] == pytest.approx(0.1)
    assert found["groups"]["sex"]["f"]["mean_error"]["value"] == pytest.approx(0.1)
    assert found["groups"]["sex"]["m"]["mean_error"]["value"] == pytest.approx(-0.1)


def test_correlation_and_its_interval_are_those_of_scipy() -> None:
    generator = np.random.default_rng(0)
    one = generator.random(50)
    other = one + generator.normal(scale=0.2, size=50)
    oracle = pearsonr(one, other)
    found = correlation(one, other, 0.9)
    interval = oracle.confidence_interval(0.9)
    assert found.value == pytest.approx(oracle.statistic)
    assert (found.lower, found.upper) == pytest.approx((interval.low, interval.high))


def test_a_constant_or_too_few_rows_have_no_correlation() -> None:
    assert correlation(SCORES, np.ones(4), 0.95).undefined == "the correlation with a constant does not exist"
    assert correlation(SCORES[:3], SCORES[:3], 0.95).value is None
    assert mean_error(SCORES[:1], 0.95).value is None


def test_a_data_set_without_truth_gives_nothing() -> None:
    assert check_against_truth(pd.DataFrame(index=range(4)), SCORES, GROUPS, 0.95) == {}
