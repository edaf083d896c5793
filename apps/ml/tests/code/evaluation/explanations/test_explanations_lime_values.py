import numpy as np
import pytest

from apps.ml.evaluation.explanations.contributions.lime_values import (
    LimeSettings,
    Surrogate,
    lime_summary,
    mean_measurement,
    stability_of,
    surrogates_of,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.tests.small_evaluation import FEATURES, SOURCES, LinearModel, encoded_rows

SETTINGS = LimeSettings(samples=300, repeats=3, seed=9)


def flat(X: FloatArray) -> FloatArray:
    return np.full(len(X), 0.3)


def linear(X: FloatArray) -> FloatArray:
    return 0.5 + 0.05 * X[:, 0] - 0.01 * X[:, 3]


def test_the_same_seed_gives_the_same_surrogates_whatever_was_explained_before() -> None:
    X, background = encoded_rows(3), encoded_rows(100, seed=1)
    score = LinearModel().score_encoded
    together = surrogates_of(score, X, background, FEATURES, SOURCES, SETTINGS)
    alone = surrogates_of(score, X[2:], background, FEATURES, SOURCES, SETTINGS)
    assert together[2] == alone[0]
    other = surrogates_of(score, X[2:], background, FEATURES, SOURCES, LimeSettings(300, 3, 10))
    assert other[0].effects != alone[0].effects


def test_a_linear_score_is_fitted_almost_perfectly_with_its_own_effects() -> None:
    X, background = encoded_rows(2), encoded_rows(200, seed=1)
    first, _ = surrogates_of(linear, X, background, FEATURES, SOURCES, SETTINGS)
    assert first.r2 is not None
    assert first.r2 > 0.99
    distance = X[0] - background.mean(axis=0)
    assert first.effects["income"] == pytest.approx(0.05 * distance[0], rel=0.05)
    assert first.effects["debt"] == pytest.approx(-0.01 * distance[3], rel=0.05)
    assert set(first.effects) == set(SOURCES)


def test_inputs_stay_as_they_were() -> None:
    X, background = encoded_rows(2), encoded_rows(50, seed=1)
    before = X.copy(), background.copy()
    surrogates_of(linear, X, background, FEATURES, SOURCES, SETTINGS)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(background, before[1])


def test_a_constant_score_has_no_surrogate() -> None:
    found = surrogates_of(flat, encoded_rows(1), encoded_rows(50, seed=1), FEATURES, SOURCES, SETTINGS)
    assert (found[0].effects, found[0].r2, found[0].stability) == ({}, None, None)
    assert mean_measurement([found[0].r2], "fit", 0.95).undefined == "fit: no explained row has a surrogate"
    assert {one.undefined is None for one in lime_summary(found, 0.95).values()} == {False}


def test_stability_is_the_mean_overlap_of_the_leading_columns() -> None:
    one, two = {"a": 3.0, "b": -2.0, "c": 0.1}, {"a": 3.0, "c": 2.0, "b": 0.1}
    assert stability_of([one, one], top=2) == 1.0
    assert stability_of([one, two], top=2) == pytest.approx(1 / 3)
    assert stability_of([one, one, two], top=2) == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)
    assert stability_of([{"a": 0.0}, {"a": 0.0}]) == 1.0


def test_repeats_say_how_far_single_effects_scatter_and_which_columns_always_lead() -> None:
    X, background = encoded_rows(2), encoded_rows(200, seed=1)
    score = LinearModel().score_encoded
    few = surrogates_of(score, X, background, FEATURES, SOURCES, LimeSettings(200, 5, 1))[0]
    many = surrogates_of(score, X, background, FEATURES, SOURCES, LimeSettings(5000, 5, 1))[0]
    assert set(few.deviations) == set(few.effects) == set(SOURCES)
    assert sum(many.deviations.values()) < 0.5 * sum(few.deviations.values())
    assert set(many.always_leading) <= set(many.effects)
    # Three columns are fewer than the five that may lead: all lead in every repeat.
    assert set(many.always_leading) == set(SOURCES)
    assert many.sign_agreement is not None
    assert 0 <= many.sign_agreement <= 1


def test_the_summary_has_intervals_over_rows_within_zero_and_one() -> None:
    rows = [Surrogate({}, 0.8, stability, sign_agreement=1.0) for stability in (0.5, 1.0, 0.9)]
    found = lime_summary(rows, 0.95)
    stability = found["stability"]
    assert stability.value == pytest.approx(0.8)
    assert stability.lower == pytest.approx(0.8 - 4.302653 * np.std([0.5, 1.0, 0.9], ddof=1) / np.sqrt(3))
    assert stability.upper == 1
    assert found["sign_agreement"].to_dict() == {"value": 1.0, "n": 3}
    assert mean_measurement([0.4, None], "fit", 0.95).to_dict() == {"value": 0.4, "n": 1}
