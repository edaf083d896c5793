"""The rows that are to be explained: values, typed frame and encoded features, each made once and only if needed."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.row_encoder import RowEncoder
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import ModelBundle

Matrix = npt.NDArray[np.float64]


class Encoding:
    """Encodes as the bundle does; compiled where its transformer can be."""

    def __init__(self, bundle: ModelBundle) -> None:
        self._bundle = bundle
        self.columns = bundle.info.columns
        try:
            self._compiled: RowEncoder | None = RowEncoder(bundle)
        except NotCompiledError:
            self._compiled = None

    def of_frame(self, frame: pd.DataFrame) -> Matrix:
        """Return float64 [n, k] of a typed frame."""
        return self._bundle.encode(frame) if self._compiled is None else self._compiled.encode_frame(frame)

    def of_values(self, rows: Sequence[Sequence[Value]]) -> Matrix:
        """Return float64 [n, k] of rows of values that fit the columns; none of them may be NaN in a category."""
        if self._compiled is None:
            return self._bundle.encode(frame_of(rows, self.columns))
        if len(rows) != 1:
            return self._compiled.encode_rows(rows)
        X = np.empty((1, self._compiled.width))
        self._compiled.encode_row(rows[0], X[0])
        return X


class AskedRows:
    """Rows of one version, of values or of a typed frame that fits its columns.

    `values`: per row one value per input column, NaN or None where a number is missing, None where a category is.
    """

    def __init__(
        self, encoding: Encoding, values: Sequence[Sequence[Value]], frame: pd.DataFrame | None = None
    ) -> None:
        self._encoding, self._frame, self.values = encoding, frame, values

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The typed frame [n, columns]."""
        return frame_of(self.values, self._encoding.columns) if self._frame is None else self._frame

    @cached_property
    def X(self) -> Matrix:  # noqa: N802 (scikit-learn's name for the matrix of features)
        """Float64 [n, k], encoded."""
        return self._encoding.of_values(self.values)


def frame_of(rows: Sequence[Sequence[Value]], columns: Sequence[ColumnSchema]) -> pd.DataFrame:
    """Return the typed frame of rows of values that fit the columns."""
    names = [column.name for column in columns]
    records = [dict(zip(names, map(_or_none, row), strict=True)) for row in rows]
    return frame_from_records(records, columns)


def values_of(frame: pd.DataFrame, columns: Sequence[ColumnSchema]) -> list[tuple[Value, ...]]:
    """Return the values of a typed frame row by row, in the order of the columns."""
    return list(zip(*(_values(frame[column.name], column.kind) for column in columns), strict=True))


def _values(series: "pd.Series[Any]", kind: str) -> list[Value]:
    values: list[Value] = series.to_numpy().tolist() if kind != "categorical" else series.tolist()
    return [value if isinstance(value, str) else None for value in values] if kind == "categorical" else values


def _or_none(value: Value) -> Value:
    return None if isinstance(value, float) and value != value else value
