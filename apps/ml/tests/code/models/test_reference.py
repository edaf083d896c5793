import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.data.processed import ColumnSchema
from apps.ml.models.reference import histogram, summarise, summarise_column

AMOUNT = ColumnSchema("amount", "numeric")
CITY = ColumnSchema("city", "categorical")
OWNER = ColumnSchema("owner", "boolean")


def test_a_numeric_column_is_cut_at_quantiles_and_shares_are_of_present_values() -> None:
    values = pd.Series([float(value) for value in range(100)] + [np.nan] * 25)
    summary = summarise_column(values, AMOUNT)
    assert summary["missing_share"] == 0.2
    assert summary["cuts"] == [float(5 * step - 1) for step in range(1, 20)]
    assert summary["shares"] == pytest.approx([0.04] + [0.05] * 18 + [0.06])
    assert summary["mean"] == 49.5


def test_no_single_smallest_or_largest_value_is_kept() -> None:
    values = pd.Series([-1e9, *range(200), 1e9])
    cuts = summarise_column(values, AMOUNT)["cuts"]
    assert min(cuts) >= 0
    assert max(cuts) <= 199


def test_a_column_without_values_has_no_cuts() -> None:
    summary = summarise_column(pd.Series([np.nan, np.nan]), AMOUNT)
    assert summary == {
        "kind": "numeric",
        "missing_share": 1.0,
        "cuts": [],
        "shares": [],
        "mean": None,
        "deviation": None,
    }


def test_rare_categories_are_pooled() -> None:
    values = pd.Series(["Bern"] * 60 + ["Basel"] * 36 + ["Chur"] * 4, dtype="str")
    summary = summarise_column(values, CITY)
    assert summary["categories"] == {"Basel": 0.36, "Bern": 0.6}
    assert summary["pooled_share"] == 0.04


def test_a_boolean_column_is_counted_as_true_and_false() -> None:
    values = pd.Series([1.0] * 30 + [0.0] * 10 + [np.nan] * 10)
    summary = summarise_column(values, OWNER)
    assert summary["categories"] == {"false": 0.25, "true": 0.75}
    assert summary["missing_share"] == 0.2


def test_a_categorical_column_without_values_has_no_categories() -> None:
    summary = summarise_column(pd.Series([None, None], dtype="str"), CITY)
    assert summary["categories"] == {}
    assert summary["pooled_share"] == 0.0


def test_the_last_bin_of_a_histogram_holds_its_upper_edge() -> None:
    assert histogram(np.array([0.0, 0.5, 1.0, 1.0]), np.array([0.0, 0.5, 1.0]))["shares"] == [0.25, 0.75]


@given(values=st.lists(st.sampled_from([0.0, 1.0, 2.0]) | st.floats(-1e6, 1e6), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_shares_sum_to_one_and_count_what_lies_between_cuts(values: list[float]) -> None:
    summary = summarise_column(pd.Series(values, dtype="float64"), AMOUNT)
    bounds = [-np.inf, *summary["cuts"], np.inf]
    expected = [sum(low <= value < high for value in values) / len(values) for low, high in pairwise(bounds)]
    assert summary["shares"] == pytest.approx(expected)
    assert sum(summary["shares"]) == pytest.approx(1.0)


def test_a_summary_is_json_and_counts_labels_decisions_and_groups() -> None:
    features = pd.DataFrame({"amount": np.arange(40.0), "city": pd.Series(["Bern"] * 40, dtype="str")})
    labels = np.array([1, 0, 0, 0] * 10, dtype=np.int8)
    decisions = np.array([1, 1, 0, 0] * 10, dtype=np.int8)
    groups = pd.DataFrame({"sex": ["female"] * 30 + ["unknown"] * 10})
    summary = summarise(features, [AMOUNT, CITY], labels, np.full(40, 0.31), decisions, groups)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert (summary["rows"], summary["positive_share"], summary["decision_share"]) == (40, 0.25, 0.5)
    assert summary["groups"] == {"sex": {"female": 0.75, "unknown": 0.25}}
    assert summary["scores"]["shares"][6] == 1.0
    assert list(summary["columns"]) == ["amount", "city"]
