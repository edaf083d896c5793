"""Columns that came with a type of their own (Arrow, Parquet, tensors), and the frame that they make.

Whole columns are checked at once. Where one does not fit, its values are handed to
:func:`~apps.ml.features.request_frame.frame_from_records`, which alone decides what is accepted and says why not.
"""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.features.request_frame import frame_from_records

Numbers = npt.NDArray[np.float64]
GivenKind = Literal["number", "truth", "text", "nothing", "other"]

FITTING: dict[str, tuple[GivenKind, ...]] = {
    "numeric": ("number", "nothing"),
    "boolean": ("truth", "number", "nothing"),
    "categorical": ("text", "nothing"),
}
"""What a column of the signature takes, by its kind; `nothing` is a column whose every value is missing."""

OF_ANOTHER_TYPE = object()
"""Stands for a value that is neither number, truth value nor text; its own value is never looked at."""


@dataclass(frozen=True, eq=False)
class GivenColumn:
    """One column as it came. `numbers` [n] holds numbers and truth values, NaN where missing; `texts` holds texts."""

    kind: GivenKind
    rows: int
    numbers: Numbers | None = None
    texts: list[str | None] | None = None

    def plain(self) -> list[Any]:
        """Return the values as a record holds them, None where missing."""
        if self.texts is not None:
            return list(self.texts)
        if self.numbers is not None:
            convert = bool if self.kind == "truth" else float
            return [None if math.isnan(value) else convert(value) for value in self.numbers.tolist()]
        return [None if self.kind == "nothing" else OF_ANOTHER_TYPE] * self.rows


def frame_of_given(given: Mapping[str, GivenColumn], rows: int, columns: Sequence[ColumnSchema]) -> pd.DataFrame:
    """Return the typed frame that :func:`~apps.ml.features.request_frame.frame_from_records` makes of the same values.

    Raises
    ------
    RequestError
        A column is absent, unknown or holds what does not fit. `findings` lists all.
    """
    names = {column.name for column in columns}
    if given.keys() == names and all(_fits(given[column.name], column) for column in columns):
        content = {column.name: _typed(given[column.name], column) for column in columns}
        return pd.DataFrame(content, index=pd.RangeIndex(rows), copy=False)
    return frame_from_records(_records(given, rows, names), columns)


def _records(given: Mapping[str, GivenColumn], rows: int, names: Set[str]) -> list[dict[str, Any]]:
    """Return the rows; unknown columns stand in the first alone, as a body may name very many of them."""
    known = {name: column.plain() for name, column in given.items() if name in names}
    records = [{name: values[row] for name, values in known.items()} for row in range(rows)]
    records[0].update({name: OF_ANOTHER_TYPE for name in given if name not in names})
    return records


def _fits(given: GivenColumn, column: ColumnSchema) -> bool:
    if given.kind not in FITTING[column.kind]:
        return False
    if given.numbers is not None:
        return _numbers_fit(given.numbers, column)
    if given.texts is not None:
        return column.nullable or None not in given.texts
    return column.nullable


def _numbers_fit(numbers: Numbers, column: ColumnSchema) -> bool:
    missing = np.isnan(numbers)
    if missing.any():
        if not column.nullable:
            return False
        numbers = numbers[~missing]
    if column.kind == "boolean":
        return bool(np.isin(numbers, (0.0, 1.0)).all())
    return bool(np.isfinite(numbers).all() and (not column.integer or (numbers == np.floor(numbers)).all()))


def _typed(given: GivenColumn, column: ColumnSchema) -> Any:
    if column.kind == "categorical":
        return pd.array(given.texts or [None] * given.rows, dtype="str")
    return np.full(given.rows, np.nan) if given.numbers is None else given.numbers
