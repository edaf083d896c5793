from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.data.sensitive import attribute_schemas, attributes_in_order, band_names, group_names, source_columns
from apps.ml.data.typing_of_columns import typed
from apps.ml.tests.clinic_visits import DECLARATION, declaration, visits, with_column


def groups_of(
    values: list[str | None], column: dict[str, Any], rule: dict[str, Any]
) -> tuple[list[str], tuple[str, ...]]:
    text = pd.DataFrame({"x": pd.Series(values, dtype="str")})
    declared = declaration(columns=with_column("x", **column), sensitive={"a": {"column": "x", **rule}})
    groups = group_names(text, typed(text, declared).frame, declared)
    return groups.names["a"].tolist(), attribute_schemas(declared, groups.names)[0].groups


def test_without_groups_every_category_is_a_group_sorted_and_unknown_last() -> None:
    names, order = groups_of(["b", "a", None, "z"], {"type": "category"}, {})
    assert names == ["b", "a", "unknown", "z"]
    assert order == ("a", "b", "z", "unknown")


def test_declared_categories_give_the_display_order_of_those_that_occur() -> None:
    _, order = groups_of(["a", "z", "a"], {"type": "category", "categories": ["z", "y", "a"]}, {})
    assert order == ("z", "a")


def test_groups_gather_values_and_the_rest_is_other() -> None:
    rule = {"groups": {"north": ["n", "ne"], "south": ["s"]}, "other": "elsewhere"}
    names, order = groups_of(["s", "ne", "w", None, "n"], {"type": "category"}, rule)
    assert names == ["south", "north", "elsewhere", "unknown", "north"]
    assert order == ("north", "south", "elsewhere", "unknown")


def test_groups_of_a_numeric_column_match_the_text_as_read() -> None:
    names, _ = groups_of(["1", "2"], {"type": "integer"}, {"groups": {"women": ["2"], "men": ["1"]}})
    assert names == ["men", "women"]


def test_a_value_in_no_group_is_marked_and_a_missing_one_is_not() -> None:
    text = visits().assign(sex=pd.Series(["f", "x", None] + ["m"] * 77, dtype="str"))
    declared = declaration()
    groups = group_names(text, typed(text, declared).frame, declared)
    assert groups.grouped["sex"].tolist()[:4] == [True, False, True, True]
    assert groups.names["sex"].tolist()[:4] == ["women", "unknown", "unknown", "men"]


def test_bands_begin_at_their_lower_bound() -> None:
    names, order = groups_of(["24", "25", "39", "40", None, "x"], {"type": "integer"}, {"bands": [25, 40]})
    assert names == ["<25", "25-39", "25-39", ">=40", "unknown", "unknown"]
    assert order == ("<25", "25-39", ">=40", "unknown")


@pytest.mark.parametrize(
    ("bands", "whole", "names"),
    [
        ((18, 19, 65), True, ("<18", "18", "19-64", ">=65")),
        ((0.5, 2), False, ("<0.5", "0.5-<2", ">=2")),
        ((0.5, 2), True, ("<0.5", "0.5-<2", ">=2")),
        ((7,), True, ("<7", ">=7")),
    ],
)
def test_band_names_tell_their_bounds(bands: tuple[float, ...], whole: bool, names: tuple[str, ...]) -> None:
    assert band_names(bands, whole) == names


def test_booleans_without_groups_are_called_true_and_false() -> None:
    column = {"type": "boolean", "true_values": ["ja"], "false_values": ["nein"]}
    names, order = groups_of(["ja", "nein", None], column, {})
    assert names == ["true", "false", "unknown"]
    assert order == ("false", "true", "unknown")


def test_an_intersection_joins_its_parts_in_the_declared_order() -> None:
    declared = declaration()
    groups = group_names(visits(), typed(visits(), declared).frame, declared)
    assert groups.names.loc[0, "sex_age"] == "women × <30"
    assert groups.names.loc[7, "sex_age"] == "unknown × 30-59"
    schema = attribute_schemas(declared, groups.names)[2]
    assert schema.columns == ("sex", "age")
    assert schema.groups[:2] == ("women × <30", "women × 30-59")
    assert schema.groups[-1] == "unknown × >=60"


def test_an_intersection_may_stand_before_its_parts() -> None:
    sensitive = dict(reversed(DECLARATION["sensitive"].items()))
    declared = declaration(sensitive=sensitive)
    assert attributes_in_order(declared) == ["age_band", "sex", "sex_age"]
    groups = group_names(visits(), typed(visits(), declared).frame, declared)
    assert list(groups.names) == ["sex_age", "age_band", "sex"]


def test_attributes_of_absent_columns_are_left_out() -> None:
    declared = declaration()
    text = visits().drop(columns="sex")
    assert list(group_names(text, typed(text, declared).frame, declared).names) == ["age_band"]


def test_the_columns_of_an_intersection_are_those_of_its_parts() -> None:
    assert source_columns(declaration(), "sex_age") == ("sex", "age")


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_every_number_lies_in_exactly_one_band(ages: list[int]) -> None:
    names, _ = groups_of([str(age) for age in ages], {"type": "integer"}, {"bands": [30, 60]})
    assert names == ["<30" if age < 30 else "30-59" if age < 60 else ">=60" for age in ages]
