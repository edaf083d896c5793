"""One written form per value, whatever type it arrives in."""

import datetime as dt
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.data.sources.text_values import as_text
from apps.ml.errors import SourceError


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pd.Series([1, -20, 300], dtype="int64"), ["1", "-20", "300"]),
        (pd.Series([1, None], dtype="Int64"), ["1", None]),
        (pd.Series([1.0, 0.1, np.nan, 1e300, -2.5]), ["1", "0.1", None, "1e+300", "-2.5"]),
        (pd.Series([0.1, 2.0], dtype="float32"), ["0.1", "2"]),
        (pd.Series([True, False]), ["true", "false"]),
        (pd.Series([True, None], dtype="boolean"), ["true", None]),
        (pd.Series(["a", None, ""], dtype="str"), ["a", None, ""]),
        (pd.Series(["b", None, "a"], dtype="category"), ["b", None, "a"]),
        (pd.Series(pd.to_datetime(["2024-05-31", "NaT"])), ["2024-05-31", None]),
        (
            pd.Series(pd.to_datetime(["2024-05-31 10:00", "2024-06-01 00:00"])),
            ["2024-05-31T10:00:00", "2024-06-01T00:00:00"],
        ),
        (
            pd.Series([decimal.Decimal("1.50"), 2, "x", None, dt.date(2024, 5, 31), True], dtype=object),
            ["1.5", "2", "x", None, "2024-05-31", "true"],
        ),
        (pd.Series([decimal.Decimal("100"), decimal.Decimal("1E+2")], dtype=object), ["100", "100"]),
    ],
)
def test_every_value_has_one_written_form(values: "pd.Series[Any]", texts: list[str | None]) -> None:
    column = as_text(pd.DataFrame({"x": values}), "here")["x"]
    assert str(column.dtype) == "str"
    assert [None if pd.isna(text) else text for text in column] == texts


def test_the_input_is_not_altered() -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan], "y": [True, False]})
    before = frame.copy()
    as_text(frame, "here")
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, b"bytes"])
def test_values_that_are_no_single_ones_are_refused_by_column(value: object) -> None:
    with pytest.raises(SourceError, match=r"here: column 'x' holds .* values; expected single"):
        as_text(pd.DataFrame({"x": pd.Series([value], dtype=object)}), "here")
