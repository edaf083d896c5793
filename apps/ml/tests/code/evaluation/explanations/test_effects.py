import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LogisticRegression

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.effects_of_columns.effect_points import (
    common_categories,
    numeric_points,
    readable_decimals,
)
from apps.ml.evaluation.explanations.effects_of_columns.effects import (
    NO_ORDER,
    ColumnEffect,
    Effects,
    accumulated,
    binned,
    column_effects,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.made_up_rules import COLUMNS, PARAMETERS, Score, people, rule_of

NUMBERS = (ColumnSchema("x", "numeric"), ColumnSchema("y", "numeric"))
NAMES = [column.name for column in COLUMNS]


def effects(frame: pd.DataFrame, columns: list[str], parameters: ModelEvaluation = PARAMETERS) -> Effects:
    return column_effects(rule_of(), frame, np.arange(len(frame)) + 7000, columns, parameters)


def numbers(score: Score, frame: pd.DataFrame, column: str) -> ColumnEffect:
    return column_effects(rule_of(score, NUMBERS), frame, np.arange(len(frame)), [column], PARAMETERS).columns[column]


def correlated(rows: int = 600) -> pd.DataFrame:
    generator = np.random.default_rng(2)
    x = generator.random(rows)
    return pd.DataFrame({"x": x, "y": x + 0.05 * generator.normal(size=rows)})


def test_an_additive_score_has_its_own_terms_as_effects() -> None:
    found = effects(people(), ["income", "debt", "region"]).columns
    for name, slope in (("income", 0.004 / 1000), ("debt", -0.05)):
        points = np.array(found[name].points, dtype=np.float64)
        steps = slope * np.diff(points)
        np.testing.assert_allclose(np.diff(found[name].partial_dependence), steps, atol=2.1e-5)
        assert found[name].accumulated is not None
        np.testing.assert_allclose(np.diff(np.array(found[name].accumulated)), steps, atol=2.1e-5)
    region = found["region"]
    assert region.points == ("north", "south", "west")
    assert region.partial_dependence[0] - region.partial_dependence[1] == pytest.approx(0.1)
    assert region.partial_dependence[1] == region.partial_dependence[2] == region.missing


def test_an_accumulated_effect_by_hand() -> None:
    place, counts = binned(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 3.0]))
    assert place.tolist() == [0, 0, 1, 1]
    assert counts.tolist() == [2, 2]
    # Steps of 1 and 4 on average: 0, 1, 5; the middles .5 and 3 are 1.75 on average over the rows.
    found = accumulated(np.array([0.0, 2.0, 3.0, 5.0]), place, counts)
    np.testing.assert_allclose(found, [-1.75, -0.75, 3.25])


def test_a_product_of_correlated_columns_is_accumulated_along_the_data() -> None:
    # Along the diagonal the local change of x·y across x is y ≈ x, which adds up to x² / 2; the mean over all rows
    # would be a straight line.
    found = numbers(lambda frame: (frame["x"] * frame["y"]).to_numpy(), correlated(), "x")
    points = np.array(found.points, dtype=np.float64)
    assert found.accumulated is not None
    rise = np.array(found.accumulated) - found.accumulated[0]
    np.testing.assert_allclose(rise, (points**2 - points[0] ** 2) / 2, atol=0.02)
    straight = np.polyfit(points, found.partial_dependence, 1)
    np.testing.assert_allclose(np.polyval(straight, points), found.partial_dependence, atol=1e-4)


def test_partial_dependence_is_that_of_scikit_learn() -> None:
    frame = correlated(300)
    labels = (np.random.default_rng(0).random(300) < frame["x"]).astype(int)
    model = LogisticRegression().fit(frame, labels)
    found = numbers(lambda rows: np.asarray(model.predict_proba(rows)[:, 1]), frame, "y")
    grid = np.array(found.points, dtype=np.float64)
    expected = partial_dependence(
        model, frame, ["y"], custom_values={"y": grid}, kind="average", response_method="predict_proba", method="brute"
    )
    np.testing.assert_allclose(found.partial_dependence, expected["average"][0], atol=1e-5)


def test_a_linear_effect_is_centred_over_the_rows() -> None:
    frame = correlated()
    found = numbers(lambda rows: 2 * rows["x"].to_numpy(), frame, "x")
    points = np.array(found.points, dtype=np.float64)
    middles = (points[:-1] + points[1:]) / 2
    mean = np.average(middles, weights=found.shares)
    assert found.accumulated is not None
    np.testing.assert_allclose(found.accumulated, 2 * (points - mean), atol=2e-4)


def test_shares_of_bins_and_of_what_lies_outside_sum_to_one() -> None:
    found = effects(people(), NAMES).columns
    for effect in found.values():
        assert effect.outside is not None
        assert sum(effect.shares) + sum(effect.outside.values()) == pytest.approx(1, abs=1e-4)
    assert found["income"].outside is not None
    assert found["income"].outside["missing"] == pytest.approx(people()["income"].isna().mean(), abs=1e-5)
    assert len(found["income"].shares) == len(found["income"].points) - 1
    assert len(found["region"].shares) == len(found["region"].points)


def test_a_missing_value_is_asked_about_only_where_one_is_missing() -> None:
    content = effects(people(), ["income", "debt"]).to_dict()["columns"]
    at_fifty = np.interp(50_000, content["income"]["points"], content["income"]["partial_dependence"])
    assert content["income"]["missing"] == pytest.approx(at_fifty, abs=1e-4)
    assert "missing" not in content["debt"]


def test_individual_curves_are_coarse_and_named_by_row_number_alone() -> None:
    frame = people()
    frame["debt"] = frame["debt"] + 1234.56789
    found = effects(frame, ["debt", "region"])
    assert len(found.ice_rows) == len(found.columns["debt"].ice) == 20
    assert all(7000 <= row < 7400 for row in found.ice_rows)
    curve = found.columns["debt"].ice[0]
    assert curve == tuple(round(value, 3) for value in curve)
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert not any(str(value) in text for value in frame["debt"])
    none = PARAMETERS.explanations.model_copy(update={"ice_rows": 0})
    assert effects(frame, ["debt"], PARAMETERS.model_copy(update={"explanations": none})).columns["debt"].ice == ()


def test_a_flag_has_two_points_and_categories_have_no_accumulated_effect() -> None:
    found = effects(people(), ["member", "region"]).columns
    assert found["member"].points == (0.0, 1.0)
    assert found["member"].accumulated == (0.0, 0.0)
    assert found["region"].accumulated is None
    assert found["region"].to_dict()["accumulated_undefined"] == NO_ORDER


def test_a_column_that_hardly_varies_is_undefined() -> None:
    frame = people(100)
    frame["debt"] = [1.0] * 99 + [2.5]
    frame["region"] = pd.array([f"place {i}" for i in range(100)], dtype="str")
    found = effects(frame, ["debt", "region"])
    assert found.columns["debt"].undefined is not None
    assert found.to_dict()["columns"]["region"] == {
        "kind": "categorical",
        "undefined": "no category is held by at least 30 rows",
    }
    assert "2.5" not in json.dumps(found.to_dict()["columns"]["debt"])


def test_effects_do_not_change_the_rows_nor_between_runs() -> None:
    frame = people()
    before = frame.copy(deep=True)
    assert effects(frame, NAMES) == effects(frame, NAMES)
    pd.testing.assert_frame_equal(frame, before)


def test_effects_do_not_depend_on_what_the_rule_ignores() -> None:
    frame = people()
    other = frame.assign(member=1 - frame["member"])
    one, two = effects(frame, ["income"]).columns, effects(other, ["income"]).columns
    assert one == two


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda value: value + 0.0), min_size=0, max_size=80),
    st.integers(2, 12),
    st.booleans(),
)
def test_points_ascend_within_the_values_and_are_never_too_many(values: list[float], points: int, whole: bool) -> None:
    held: FloatArray = np.round(np.asarray(values, dtype=np.float64), 0 if whole else 3)
    found = numeric_points(held, points, whole)
    assert len(found) <= points
    assert (np.diff(found) > 0).all()
    if len(found) > 1:
        step = 10.0 ** -readable_decimals(float(np.ptp(held)), whole)
        assert found[0] >= held.min() - step
        assert found[-1] <= held.max() + step


def test_points_are_all_values_where_they_are_few_and_quantiles_where_they_are_many() -> None:
    few = np.repeat([0.0, 1.0, 2.0, 5.0], [60, 30, 20, 10])
    assert numeric_points(few, 20, integer=True).tolist() == [0, 1, 2, 5]
    many = np.arange(10_001.0)
    assert numeric_points(many, 3, integer=True).tolist() == [100, 5000, 9900]
    # 58 rows lie between the tails, ten at least between two points.
    assert numeric_points(np.arange(60.0), 20).tolist() == [1, 15.2, 29.5, 43.8, 58]
    assert numeric_points(np.array([np.nan, np.nan]), 3).tolist() == []
    rare = np.array([0.0] * 999 + [1.0])
    assert numeric_points(rare, 3, integer=True).tolist() == [0, 1]
    assert numeric_points(rare, 3).tolist() == [0]


def test_a_value_that_most_rows_hold_does_not_swallow_the_others() -> None:
    gains = np.concatenate([np.zeros(900), np.arange(1.0, 101.0) * 50])
    found = numeric_points(gains, 6)
    assert found[0] == 0
    assert len(found) == 6
    assert found[2] - found[1] == pytest.approx(found[-1] - found[-2], rel=0.2)


def test_rounding_leaves_a_hundred_steps_within_the_spread() -> None:
    assert readable_decimals(50_000, integer=True) == -2
    assert readable_decimals(0.05, integer=False) == 4
    assert readable_decimals(6, integer=True) == 0
    assert readable_decimals(6, integer=False) == 2
    assert readable_decimals(0, integer=False) == 0


def test_categories_of_few_rows_are_not_named() -> None:
    values = pd.Series(["b"] * 5 + ["a"] * 5 + ["c"] * 9 + ["d"] + [None], dtype="str")
    assert common_categories(values, 10, 2) == ["c", "a", "b"]
    assert common_categories(values, 1, 2) == ["c"]


def test_no_rows_have_no_effect() -> None:
    found = effects(people(50).iloc[:0], ["income", "region"])
    assert found.rows == 0
    assert all(effect.undefined is not None for effect in found.columns.values())


def test_an_empty_bin_joins_the_one_above_it() -> None:
    columns = (replace(NUMBERS[0], integer=True), NUMBERS[1])
    frame = pd.DataFrame({"x": [0.0] * 50 + [10.0] * 50, "y": np.arange(100.0)})
    rule = rule_of(lambda rows: rows["x"].to_numpy() / 100, columns)
    found = column_effects(rule, frame, np.arange(100), ["x"], PARAMETERS).columns["x"]
    assert found.points == (0.0, 10.0)
    assert found.accumulated == (-0.05, 0.05)
