"""Typed rows as JSON for the prediction log: one array of values per row, null where missing."""

from collections.abc import Sequence

import msgspec
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.scorers.scorer import Value

_ENCODER = msgspec.json.Encoder()


def rows_json(frame: pd.DataFrame, columns: Sequence[ColumnSchema]) -> bytes:
    """Return the JSON array of the rows of a typed frame, values in the order of `columns`, every digit kept."""
    return _ENCODER.encode(list(zip(*(_values(frame[column.name]) for column in columns), strict=True)))


def values_json(rows: Sequence[Sequence[Value]]) -> bytes:
    """Return the JSON array of rows of values that fit."""
    return _ENCODER.encode(rows)


def _values(series: pd.Series) -> list[object]:
    missing = series.isna().to_numpy()
    values: list[object] = series.to_numpy(dtype=object).tolist()
    return (
        [None if absent else value for value, absent in zip(values, missing, strict=True)] if missing.any() else values
    )
