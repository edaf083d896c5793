import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.counting.checked_columns import (
    binary_values,
    probability_values,
    require_equal_lengths,
)


@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 1],
        [False, True, True],
        np.array([0.0, 1.0, 1.0]),
        np.array([0, 1, 1], dtype=np.uint8),
        pd.Series([0, 1, 1], dtype="Int64"),
        pd.Series([False, True, True], dtype="boolean"),
        pd.Series([0, 1, 1], index=[7, 8, 9]),
    ],
)
def test_zeros_and_ones_of_any_numeric_type_are_read(values: npt.ArrayLike) -> None:
    read = binary_values(values, "labels")
    assert read.dtype == np.int8
    assert read.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ([0, 2, 1], "1 row of 3 holds"),
        ([-1, 1, 2], "2 rows of 3 hold"),
        ([0.25, 0.5, 1.0], "2 rows of 3 hold"),
        ([0.0, float("nan")], "1 row of 2 holds"),
        (pd.Series([0, None, 1], dtype="Int64"), "1 row of 3 holds"),
    ],
)
def test_anything_but_zero_and_one_is_counted_and_refused(values: npt.ArrayLike, rows: str) -> None:
    with pytest.raises(DataError, match=f"decisions: {rows} neither 0 nor 1") as caught:
        binary_values(values, "decisions")
    assert "0.25" not in str(caught.value)


def test_a_score_handed_in_as_a_decision_is_refused_with_the_cure() -> None:
    with pytest.raises(DataError, match="turn scores into decisions with a threshold"):
        binary_values([0.731, 0.2], "decisions")


@pytest.mark.parametrize("values", [["yes", "no"], [1, "no"], pd.Series(["1", "0"])])
def test_text_is_refused_without_being_repeated(values: npt.ArrayLike) -> None:
    with pytest.raises(DataError, match="labels: expected numbers") as caught:
        binary_values(values, "labels")
    assert "yes" not in str(caught.value)


def test_a_matrix_is_refused() -> None:
    with pytest.raises(DataError, match="got 2 dimensions"):
        binary_values([[0, 1], [1, 0]], "labels")


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_score_that_is_no_probability_is_counted_and_refused(score: float) -> None:
    with pytest.raises(DataError, match=r"scores: 1 row of 2 missing, infinite or outside 0 to 1"):
        probability_values([0.5, score])


def test_differing_numbers_of_rows_are_named() -> None:
    with pytest.raises(DataError, match="labels 3, decisions 2"):
        require_equal_lengths({"labels": 3, "decisions": 2})
