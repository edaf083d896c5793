"""The transformer of a bundle compiled for many rows: column by column, without data frames.

All numeric and boolean columns are scaled in one step; what a category becomes is looked up in a table.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.column_encoders import CategoryRows
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.features.numeric_columns import BooleanEncoder, NumericEncoder, limited

Matrix = npt.NDArray[np.float64]
Column = Sequence[Value] | Matrix
Places = npt.NDArray[np.intp]


class MatrixEncoder:
    """Encodes columns of values, one per input column, as the fitted encoders of a transformer do.

    Parameters
    ----------
    encoders
        What was learned, per column.
    interactions
        Pairs of names of numeric columns whose products come after all other features.
    """

    def __init__(self, encoders: Sequence[Any], interactions: Sequence[tuple[str, str]]) -> None:
        widths = [len(encoder.names()) for encoder in encoders]
        starts = np.cumsum([0, *widths]).tolist()
        self.width = starts[-1] + len(interactions)
        self._numbers = _Numbers(
            [
                (place, starts[place], encoder)
                for place, encoder in enumerate(encoders)
                if isinstance(encoder, NumericEncoder | BooleanEncoder)
            ],
            interactions,
            starts[-1],
        )
        self._categories = [
            (place, starts[place], starts[place] + widths[place], CategoryRows(encoder))
            for place, encoder in enumerate(encoders)
            if not isinstance(encoder, NumericEncoder | BooleanEncoder)
        ]

    def encode(self, columns: Sequence[Column], rows: int) -> Matrix:
        """Return float64 [rows, features] before any selection; columns in the order of the encoders."""
        X = np.empty((rows, self.width))
        self._numbers.fill_in(X, columns)
        for place, first, end, known in self._categories:
            found = [known[value] for value in columns[place]]
            X[:, first:end] = known.table.take(found, axis=0)
        return X


class _Numbers:
    """The numeric and boolean columns: their places among the columns and those of their features."""

    def __init__(
        self, found: Sequence[tuple[int, int, Any]], interactions: Sequence[tuple[str, str]], end: int
    ) -> None:
        encoders = [encoder for _, _, encoder in found]
        names = [encoder.name for encoder in encoders]
        self._places = [place for place, _, _ in found]
        self._fill = _upright([encoder.fill for encoder in encoders])
        self._center = _upright([getattr(encoder, "center", 0.0) for encoder in encoders])
        self._scale = _upright([getattr(encoder, "scale", 1.0) for encoder in encoders])
        scaled = [(row, start) for row, (_, start, encoder) in enumerate(found) if _edges(encoder) is None]
        self._rows, self._features = _pairs(scaled)
        last = [(row, start + len(one.names()) - 1) for row, (_, start, one) in enumerate(found) if one.indicator]
        self._missing_rows, self._indicators = _pairs(last)
        self._binned = [
            (row, start, np.array(edges), np.eye(len(edges) + 1))
            for row, (_, start, encoder) in enumerate(found)
            if (edges := _edges(encoder)) is not None
        ]
        self._products = [
            (names.index(first), names.index(second), end + place) for place, (first, second) in enumerate(interactions)
        ]

    def fill_in(self, X: Matrix, columns: Sequence[Column]) -> None:
        """Write the features of these columns into X."""
        if not self._places:
            return
        raw = np.array([columns[place] for place in self._places], dtype=np.float64)
        missing = np.isnan(raw)
        np.copyto(raw, self._fill, where=missing)
        with np.errstate(over="ignore"):
            scaled = limited((raw - self._center) / self._scale)
        X[:, self._features] = scaled[self._rows].T
        X[:, self._indicators] = missing[self._missing_rows].T
        for row, start, edges, bins in self._binned:
            X[:, start : start + len(bins)] = bins.take(edges.searchsorted(raw[row], side="right"), axis=0)
        for first, second, place in self._products:
            X[:, place] = limited(scaled[first] * scaled[second])


def _edges(encoder: NumericEncoder | BooleanEncoder) -> tuple[float, ...] | None:
    return encoder.edges if isinstance(encoder, NumericEncoder) else None


def _upright(numbers: Sequence[float]) -> Matrix:
    return np.array(numbers, dtype=np.float64)[:, None]


def _pairs(found: Sequence[tuple[int, int]]) -> tuple[Places, Places]:
    return np.array([row for row, _ in found], dtype=np.intp), np.array([place for _, place in found], dtype=np.intp)
