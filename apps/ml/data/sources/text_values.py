"""Typed values as canonical text: one written form per value, whatever source it came from."""

import datetime as dt
import decimal
import math
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.errors import SourceError


def as_text(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Return the same table with every column as text.

    Parameters
    ----------
    frame
        Data frame [n, columns] of numbers, booleans, dates, text or None.
    origin
        Where the table came from, named in errors.

    Returns
    -------
    Data frame [n, columns] of dtype `str`. Whole numbers carry no `.0`, other floats have their shortest exact form,
    booleans are `true` and `false`, dates and times ISO 8601; missing stays missing (NaN).

    Raises
    ------
    SourceError
        A column holds lists, structures or bytes.
    """
    return pd.DataFrame({str(name): _text_column(frame[name], origin) for name in frame.columns}, index=frame.index)


def _text_column(values: "pd.Series[Any]", origin: str) -> "pd.Series[Any]":
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if isinstance(values.dtype, pd.StringDtype):
        return values.astype("str")
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.map({True: "true", False: "false"}).astype("str")
    if pd.api.types.is_integer_dtype(values.dtype):
        return values.astype("str")
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _dates(values)
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "f":
        return _floats(values)
    texts = [_text(value, str(values.name), origin) for value in values]
    return pd.Series(texts, index=values.index, dtype="str")


def _floats(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Write the shortest text that is exact in the column's own precision."""
    texts = pd.Series(values.to_numpy().astype(np.str_), index=values.index, dtype="str")
    return texts.str.removesuffix(".0").where(values.notna())


def _dates(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Write dates without a time of day where the whole column has none."""
    present = values.dropna()
    only_dates = bool((present == present.dt.normalize()).all()) and present.dt.tz is None
    texts = [None if pd.isna(v) else (v.date() if only_dates else v).isoformat() for v in values]
    return pd.Series(texts, index=values.index, dtype="str")


def _text(value: Any, column: str, origin: str) -> str | None:
    if isinstance(value, list | tuple | dict | set | bytes | bytearray | memoryview | np.ndarray):
        raise SourceError(
            f"{origin}: column '{column}' holds {type(value).__name__} values; expected single numbers, booleans, "
            "dates or texts. Leave the column out where the file or query is made, or spread it over several columns."
        )
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else str(value).removesuffix(".0")
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else _decimal(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def _decimal(value: decimal.Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
