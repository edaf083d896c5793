from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.data.declared_rows import declared_rows
from apps.ml.data.profile import label_summary, profile
from apps.ml.files import rounded
from apps.ml.tests.clinic_visits import declaration, raw, visits, with_column


def profile_of(frame: pd.DataFrame, **changes: Any) -> dict[str, Any]:
    declared = declaration(**changes)
    return profile(declared, declared_rows(declared, raw(frame), np.arange(len(frame))))


def column(content: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in content["columns"] if one["column"] == name)


def numbers_profile(values: list[float]) -> dict[str, Any]:
    frame = visits(len(values)).assign(x=[repr(value) for value in values])
    return column(profile_of(frame, columns=with_column("x", type="number")), "x")


def test_a_numeric_column_is_described_by_its_quantiles() -> None:
    found = numbers_profile([1.0, 2.0, 3.0, 4.0, 5.5])
    assert {key: found[key] for key in ("minimum", "quartile_1", "median", "quartile_3", "maximum", "mean")} == {
        "minimum": 1.0,
        "quartile_1": 2.0,
        "median": 3.0,
        "quartile_3": 4.0,
        "maximum": 5.5,
        "mean": 3.1,
    }
    assert found["standard_deviation"] == pytest.approx(np.std([1, 2, 3, 4, 5.5], ddof=1))


def test_missing_and_distinct_values_are_counted() -> None:
    found = column(profile_of(visits()), "distance")
    assert (found["rows"], found["missing"], found["distinct"]) == (80, 16, visits()["distance"].nunique())


def test_rare_categories_are_pooled_and_not_named() -> None:
    wards = ["north"] * 60 + ["south"] * 15 + ["secret"] * 4 + ["alone"]
    found = column(profile_of(visits().assign(ward=wards), columns=with_column("ward", categories=[])), "ward")
    assert found["categories"] == [{"value": "north", "rows": 60}, {"value": "south", "rows": 15}]
    assert found["other_rare"] == {"categories": 2, "rows": 5}


def test_of_many_categories_the_most_frequent_are_named() -> None:
    wards = [f"w{number:02d}" for number in range(25) for _ in range(6)]
    found = column(profile_of(visits(150).assign(ward=wards), columns=with_column("ward", categories=[])), "ward")
    assert [one["value"] for one in found["categories"]] == [f"w{number:02d}" for number in range(20)]
    assert found["other_rare"] == {"categories": 5, "rows": 30}


def test_of_identifiers_only_the_number_of_different_values_is_told() -> None:
    assert column(profile_of(visits()), "patient") == {
        "column": "patient",
        "type": "identifier",
        "role": "not a feature",
        "rows": 80,
        "missing": 0,
        "distinct": 27,
    }


def test_dates_have_a_first_and_a_last_day() -> None:
    found = column(profile_of(visits()), "day")
    assert (found["earliest"], found["latest"]) == ("2024-01-01", "2024-02-09")


def test_the_role_of_each_column_is_told() -> None:
    content = profile_of(visits(), leave_out={"ward": "x"}, held_out={"distance": "x"})
    assert {one["column"]: one["role"] for one in content["columns"]} == {
        "visit": "not a feature",
        "patient": "not a feature",
        "day": "not a feature",
        "age": "sensitive feature",
        "distance": "held out",
        "insured": "feature",
        "ward": "left out",
        "sex": "sensitive feature",
    }


def test_the_label_share_of_a_group_of_fewer_than_five_is_withheld() -> None:
    frame = visits().assign(sex=["f"] * 4 + ["m"] * 76)
    groups = profile_of(frame)["groups"][0]["groups"]
    assert groups[0] == {"group": "women", "rows": 4, "label_share": None}
    assert groups[1]["label_share"] == pytest.approx((frame["kept"] == "yes")[4:].mean())


def test_labels_are_told_overall_and_per_part() -> None:
    parts = {"train": np.array([0, 1]), "test": np.array([2, 3])}
    events = label_summary("binary_classification", np.array([1.0, 0.0, 1.0, 1.0]), parts)
    assert events == {"label_share": {"all": 0.75, "train": 0.5, "test": 1.0}}
    numbers = label_summary("regression", np.array([1.0, 3.0, 5.0, 5.0]), parts)
    assert numbers["label_mean"] == {"all": 3.5, "train": 2.0, "test": 5.0}
    assert numbers["label_deviation"]["train"] == 1.0


def test_each_bin_of_whole_numbers_holds_equally_many_of_them() -> None:
    found = numbers_profile([float(value) for value in range(100)])["histogram"]
    assert found["counts"] == [5] * 20
    assert found["edges"][:2] == [-0.5, 4.5]


@pytest.mark.parametrize("values", [[3.0, 3.0], [1e308, 1.5, -1e308, 1e308, 1e308], [0.1], [-1e-300, 2e-300]], ids=str)
def test_extreme_columns_still_give_a_report_that_can_be_written(values: list[float]) -> None:
    rounded(numbers_profile(values))


@given(st.lists(st.floats(-1e6, 1e6) | st.integers(-50, 50).map(float), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    found = numbers_profile(values)["histogram"]
    assert sum(found["counts"]) == len(values)
    assert len(found["edges"]) == len(found["counts"]) + 1
    assert len(found["counts"]) <= 20
