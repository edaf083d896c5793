"""Columns of a frame as plain values, whatever dtype holds them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.errors import DataError
from apps.ml.features.column_values import categories_of, numbers_of, require_columns


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1.0, np.nan]),
        pd.Series([1, pd.NA], dtype="Int64"),
        pd.Series([True, pd.NA], dtype="boolean"),
        pd.Series([1, None], dtype=object),
        pd.Series([True, pd.NA], dtype=object),
        pd.Series([np.float32(1.0), np.nan], dtype=np.float32),
    ],
)
def test_numbers_are_float64_with_nan_where_missing(values: Any) -> None:
    found = numbers_of(pd.DataFrame({"a": values}), "a")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [1.0, np.nan])


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["x", None], dtype="str"),
        pd.Series(["x", pd.NA], dtype="string"),
        pd.Series(["x", np.nan], dtype=object),
        pd.Series(["x", pd.NaT], dtype=object),
        pd.Series(["x", None], dtype="category"),
    ],
)
def test_categories_are_texts_with_none_where_missing(values: Any) -> None:
    assert categories_of(pd.DataFrame({"a": values}), "a") == ["x", None]


def test_a_number_among_texts_is_counted_and_not_shown() -> None:
    with pytest.raises(DataError, match="'a' holds values that are not text in 2 rows") as caught:
        categories_of(pd.DataFrame({"a": pd.Series(["x", 4711, 4712], dtype=object)}), "a")
    assert "4711" not in str(caught.value)


def test_text_among_numbers_is_refused_and_not_shown() -> None:
    with pytest.raises(DataError, match="'a' holds text where numbers are expected") as caught:
        numbers_of(pd.DataFrame({"a": pd.Series([1, "secret"], dtype=object)}), "a")
    assert "secret" not in str(caught.value)


def test_dates_are_no_numbers() -> None:
    with pytest.raises(DataError, match="'a' holds values that are not numbers"):
        numbers_of(pd.DataFrame({"a": pd.to_datetime(["2024-01-01"])}), "a")


def test_every_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="lacks the columns b, c"):
        require_columns(pd.DataFrame({"a": [1]}), ("a", "b", "c"))
