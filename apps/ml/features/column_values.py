"""The values of one column of a typed frame as a NumPy array or list, checked to be of the promised kind."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.errors import DataError

Numbers = npt.NDArray[np.float64]
Categories = Sequence[str | None]


def require_columns(frame: pd.DataFrame, names: tuple[str, ...]) -> None:
    """Raise a DataError that lists every column of `names` that the frame lacks or holds twice."""
    held = frame.columns.tolist()
    missing = [name for name in names if name not in held]
    if missing:
        raise DataError(f"the frame lacks the columns {', '.join(missing)}. Hand in all input columns of the model.")
    if len(set(held)) != len(held):
        raise DataError("the frame holds two columns of the same name. Give each column its own name.")


def numbers_of(frame: pd.DataFrame, name: str) -> Numbers:
    """Return float64 [n] of a numeric or boolean column, NaN where missing.

    Raises
    ------
    DataError
        The column holds something that is no number, or an infinity.
    """
    column = frame[name]
    if column.dtype != np.float64:
        column = _as_float(column, name)
    values: Numbers = column.to_numpy()
    infinite = int(np.count_nonzero(np.isinf(values)))
    if infinite:
        raise DataError(f"column '{name}' holds infinities in {infinite} rows. Remove them or make them missing.")
    return values


def categories_of(frame: pd.DataFrame, name: str) -> Categories:
    """Return the [n] texts of a categorical column, None where missing.

    Raises
    ------
    DataError
        The column holds something that is neither text nor missing.
    """
    values: list[Any] = frame[name].tolist()
    result = [value if isinstance(value, str) else None for value in values]
    wrong = sum(1 for value, text in zip(values, result, strict=True) if text is None and not _is_missing(value))
    if wrong:
        raise DataError(
            f"column '{name}' holds values that are not text in {wrong} rows. Hand in text or missing values."
        )
    return result


def _as_float(column: "pd.Series[Any]", name: str) -> "pd.Series[float]":
    is_text = isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype)
    if is_text or (column.dtype == object and any(isinstance(value, str) for value in column)):
        raise DataError(f"column '{name}' holds text where numbers are expected. Hand in numbers or missing values.")
    try:
        return column.where(column.notna(), np.nan).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column '{name}' holds values that are not numbers. Hand in numbers or missing values."
        ) from error


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
