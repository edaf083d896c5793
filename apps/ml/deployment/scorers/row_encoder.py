"""The encoding of a bundle compiled: one row into a buffer in a few microseconds, many rows into a matrix."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.deployment.scorers.column_encoders import (
    CategoryFeatures,
    CategoryRows,
    Encode,
    boolean_features,
    numeric_features,
    scaled_value,
)
from apps.ml.deployment.scorers.matrix_encoder import Column, MatrixEncoder
from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.features.categorical_columns import OneHotCategories, OrdinalCategories, TargetCategories
from apps.ml.features.numeric_columns import LARGEST, BooleanEncoder, NumericEncoder
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.group_input import NO_GROUP, GroupInput

Matrix = npt.NDArray[np.float64]
KINDS = (NumericEncoder, BooleanEncoder, OneHotCategories, OrdinalCategories, TargetCategories)


class RowEncoder:
    """Gives the bits of `bundle.encode`, the group's code included; immutable and safe to share between threads.

    Every number lies within single precision, so that nothing is left to clip before an estimator.

    Raises
    ------
    NotCompiledError
        The transformer holds an encoder that is not known here.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        transformer = bundle.transformer
        if type(transformer) is not FeatureTransformer:
            raise NotCompiledError(f"a {type(transformer).__name__} is no transformer that is known here")
        encoders: list[Any] = transformer.encoders_
        unknown = [type(encoder).__name__ for encoder in encoders if type(encoder) not in KINDS]
        if unknown:
            raise NotCompiledError(f"the transformer encodes columns by {', '.join(unknown)}")
        interactions = [(first, second) for first, second in transformer.specification["interactions"]]
        self._columns = bundle.info.columns
        names = [column.name for column in self._columns]
        self._places = [names.index(encoder.name) for encoder in encoders]
        self._selected = tuple(int(place) for place in transformer.selected_)
        self._group = _GroupCodes(bundle.info.group) if bundle.info.group else None
        self._matrix = MatrixEncoder(encoders, interactions)
        self._is_whole = self._selected == tuple(range(self._matrix.width))
        self.width = len(self._selected) + (self._group is not None)
        self._pairs = list(zip(map(_features_of, encoders), self._places, strict=True))
        by_name = dict(
            zip((encoder.name for encoder in encoders), zip(self._places, encoders, strict=True), strict=True)
        )
        self._products = [_product(by_name[first], by_name[second]) for first, second in interactions]
        self._pack = struct.Struct(f"{self.width}d").pack_into

    def encode_row(self, values: Sequence[Value], buffer: Matrix) -> None:
        """Write the features of one row into `buffer`, float64 [width] and contiguous.

        `values`: one per input column, in the order of `BundleInfo.columns`.
        """
        found: list[float] = []
        for encode, place in self._pairs:
            found += encode(values[place])
        if self._products:
            found += [product(values) for product in self._products]
        if not self._is_whole:
            found = [found[place] for place in self._selected]
        if self._group is not None:
            found.append(self._group[values[-1]])
        self._pack(buffer.data, 0, *found)

    def encode_rows(self, rows: Sequence[Sequence[Value]]) -> Matrix:
        """Return float64 [n, width] of rows of values."""
        return self._encoded(list(zip(*rows, strict=True)), len(rows)) if rows else np.empty((0, self.width))

    def encode_frame(self, frame: pd.DataFrame) -> Matrix:
        """Return float64 [n, width] of a typed frame, whatever the order of its columns."""
        return self._encoded([_column(frame, column.name, column.kind) for column in self._columns], len(frame))

    def _encoded(self, columns: Sequence[Column], rows: int) -> Matrix:
        X = self._matrix.encode([columns[place] for place in self._places], rows)
        if not self._is_whole:
            X = np.take(X, self._selected, axis=1)
        return X if self._group is None else np.column_stack([X, [self._group[name] for name in columns[-1]]])


class _GroupCodes(dict[Any, float]):
    """Name of a group → its code; every other value → the code of nobody's group."""

    def __init__(self, group: GroupInput) -> None:
        super().__init__({name: float(code) for code, name in enumerate(group.groups) if not is_unknown_group(name)})

    def __missing__(self, key: Value) -> float:
        return float(NO_GROUP)


def _features_of(encoder: Any) -> Encode:
    if isinstance(encoder, NumericEncoder):
        return numeric_features(encoder)
    if isinstance(encoder, BooleanEncoder):
        return boolean_features(encoder)
    return CategoryFeatures(CategoryRows(encoder)).__getitem__


def _product(first: tuple[int, Any], second: tuple[int, Any]) -> Callable[[Sequence[Value]], float]:
    """Return the function of one interaction: the product of two scaled columns."""
    one, other = scaled_value(first[1]), scaled_value(second[1])

    def product(values: Sequence[Value]) -> float:
        return min(max(one(values[first[0]]) * other(values[second[0]]), -LARGEST), LARGEST)

    return product


def _column(frame: pd.DataFrame, name: str, kind: str) -> Column:
    series = frame[name]
    if kind != "categorical":
        return series.to_numpy(dtype=np.float64)
    return [value if isinstance(value, str) else None for value in series.tolist()]
