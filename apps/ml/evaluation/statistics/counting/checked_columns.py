"""Checks on what callers hand in: labels and decisions hold only 0 and 1, scores are probabilities, lengths agree.

Messages hold names and counts and never a value.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.errors import DataError

LEAST_WEIGHT, MOST_WEIGHT = 1e-100, 1e100
"""Beyond these, sums of squared weights would overflow or vanish."""


def binary_values(values: npt.ArrayLike, name: str) -> npt.NDArray[np.int8]:
    """Return `values` as int8 of 0 and 1, or refuse them.

    Parameters
    ----------
    values : array-like [n]
        Booleans or numbers that are exactly 0 or 1. Scores are refused: comparing them with 1 would be silent nonsense.
    name : str
        What the values are, for the message ("labels", "decisions").

    Raises
    ------
    DataError
        Not one-dimensional, not numeric, or some rows hold neither 0 nor 1 (missing values included).
    """
    array = _one_dimension(values, name)
    if array.dtype.kind in "bi" and array.dtype.itemsize == 1 and not _outside_binary(array):
        return array.astype(np.int8, copy=False)
    outside = _outside_binary(array)
    if outside:
        raise DataError(
            f"{name}: {_rows(outside)} of {len(array)} {'holds' if outside == 1 else 'hold'} neither 0 nor 1. "
            f"Give 1 for the positive event and 0 for its absence; turn scores into decisions with a threshold and "
            f"remove or fill missing values first."
        )
    return array.astype(np.int8)


def probability_values(values: npt.ArrayLike, name: str = "scores") -> npt.NDArray[np.float64]:
    """Return `values` as float64 within [0, 1], or refuse them.

    Raises
    ------
    DataError
        Not one-dimensional, not numeric, or some rows are missing, infinite or outside 0 to 1.
    """
    array = _one_dimension(values, name).astype(np.float64)
    outside = int(len(array) - np.count_nonzero((array >= 0.0) & (array <= 1.0)))
    if outside:
        raise DataError(
            f"{name}: {_rows(outside)} of {len(array)} missing, infinite or outside 0 to 1. "
            f"Give the probability of the positive event for every row."
        )
    return array


def finite_values(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    """Return `values` as float64, or refuse them.

    Raises
    ------
    DataError
        Not one-dimensional, not numeric, or some rows are missing or infinite.
    """
    array = _as_array(values)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected one number per row. Hand in a single column of numbers.")
    numbers = array.astype(np.float64)
    broken = int(np.count_nonzero(~np.isfinite(numbers)))
    if broken:
        raise DataError(
            f"{name}: {broken} of {len(numbers)} rows are missing or infinite. Remove or fill them, and give a finite "
            f"number for every row."
        )
    return numbers


def weight_values(values: npt.ArrayLike, name: str = "weights") -> npt.NDArray[np.float64]:
    """Return `values` as float64 from 1e-100 to 1e100, or refuse them.

    Raises
    ------
    DataError
        Not one-dimensional, not numeric, or some rows are missing, infinite, zero, negative or beyond that range.
    """
    array = _one_dimension(values, name).astype(np.float64)
    outside = int(len(array) - np.count_nonzero((array >= LEAST_WEIGHT) & (array <= MOST_WEIGHT)))
    if outside:
        raise DataError(
            f"{name}: {_rows(outside)} of {len(array)} missing, infinite, zero or negative. "
            f"Give a positive weight (from 1e-100 to 1e100) for every row, and remove rows that are not to count."
        )
    return array


def require_equal_lengths(lengths: Mapping[str, int]) -> None:
    """Refuse columns whose numbers of rows differ.

    Raises
    ------
    DataError
        Names every column with its number of rows.
    """
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"the numbers of rows differ: {listed}. Give one value per row in each of them.")


def _one_dimension(values: npt.ArrayLike, name: str) -> npt.NDArray[np.generic]:
    array = _as_array(values)
    if array.ndim != 1:
        raise DataError(f"{name}: expected one value per row, got {array.ndim} dimensions. Hand in a single column.")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected numbers, got text or mixed types. Map the values to 0 and 1 first.")
    return array


def _as_array(values: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """Read pandas' nullable numbers as float64 with NaN where a value is missing; leave the rest as it is."""
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, pd.api.extensions.ExtensionDtype) and dtype.kind in "biuf":
        return pd.Series(values).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(values)


def _outside_binary(array: npt.NDArray[np.generic]) -> int:
    return int(len(array) - np.count_nonzero(array == 0) - np.count_nonzero(array == 1))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
