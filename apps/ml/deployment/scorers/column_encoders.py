"""One input column of a transformer, compiled: a function from a value to the numbers of its features.

Divisions and comparisons are those of `features.numeric_columns` in the same order on the same float64 numbers, so the
bits are the same. What categories become is asked of the fitted encoder itself, once per category.
"""

from bisect import bisect_right
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.features.categorical_columns import CategoricalEncoder
from apps.ml.features.numeric_columns import LARGEST, BooleanEncoder, NumericEncoder

Matrix = npt.NDArray[np.float64]
Features = tuple[float, ...]
Encode = Callable[[Value], Features]
LOWEST = -LARGEST


class CategoryRows(dict[Value, int]):
    """Category, or None where missing → its row in the table of features; every other text → the last row.

    `table`: float64 [categories + 2, features].
    """

    def __init__(self, encoder: CategoricalEncoder) -> None:
        texts: list[str | None] = [*encoder.pool.kept, None]
        super().__init__({text: row for row, text in enumerate(texts)})
        self.other = len(texts)
        self.table: Matrix = encoder.encode([*texts, _unheard_of(encoder.pool.kept)])
        if np.abs(self.table).max(initial=0.0) > LARGEST:
            raise NotCompiledError(f"a category of column '{encoder.name}' stands for a number beyond single precision")

    def __missing__(self, key: Value) -> int:
        return self.other


class CategoryFeatures(dict[Value, Features]):
    """Category, or None where missing → the numbers of its features; every other text → `other`."""

    def __init__(self, rows: CategoryRows) -> None:
        super().__init__({text: tuple(rows.table[row].tolist()) for text, row in rows.items()})
        self.other: Features = tuple(rows.table[rows.other].tolist())

    def __missing__(self, key: Value) -> Features:
        return self.other


def scaled_value(encoder: NumericEncoder) -> Callable[[Value], float]:
    """Return the function of `NumericEncoder.values` for one value."""
    center, scale = encoder.center, _divisor(encoder)
    missing = float(encoder.values(np.array([np.nan]))[0])

    def scaled(value: Value) -> float:
        if value is None:
            return missing
        number: float = (value - center) / scale  # type: ignore[operator]
        return number if LOWEST <= number <= LARGEST else _limited(number, missing)

    return scaled


def numeric_features(encoder: NumericEncoder) -> Encode:
    """Return the function of `NumericEncoder.encode` for one value."""
    _divisor(encoder)
    missing = tuple(encoder.encode(np.array([np.nan]))[0].tolist())
    return _scaled_features(encoder, missing) if encoder.edges is None else _binned_features(encoder, missing)


def boolean_features(encoder: BooleanEncoder) -> Encode:
    """Return the function of `BooleanEncoder.encode` for one value."""
    if not LOWEST <= encoder.fill <= LARGEST:
        raise NotCompiledError(f"column '{encoder.name}' is filled with a number beyond single precision")
    missing: Features = (encoder.fill, 1.0) if encoder.indicator else (encoder.fill,)
    tail: Features = (0.0,) if encoder.indicator else ()

    def encoded(value: Value) -> Features:
        if value is None or value != value:
            return missing
        return (float(value), *tail)

    return encoded


def _scaled_features(encoder: NumericEncoder, missing: Features) -> Encode:
    center, scale = encoder.center, _divisor(encoder)

    def plain(value: Value) -> Features:
        if value is None:
            return missing
        number = (value - center) / scale  # type: ignore[operator]
        return (number,) if LOWEST <= number <= LARGEST else (_limited(number, missing[0]),)

    def indicated(value: Value) -> Features:
        if value is None or value != value:
            return missing
        number = (value - center) / scale  # type: ignore[operator]
        return (number if LOWEST <= number <= LARGEST else _limited(number, missing[0]), 0.0)

    return indicated if encoder.indicator else plain


def _binned_features(encoder: NumericEncoder, missing: Features) -> Encode:
    edges, tail = encoder.edges or (), (0.0,) if encoder.indicator else ()
    bins = [(*row, *tail) for row in np.eye(len(edges) + 1).tolist()]

    def encoded(value: Value) -> Features:
        if value is None or value != value:
            return missing
        return bins[bisect_right(edges, value)]

    return encoded


def _limited(number: float, missing: float) -> float:
    """Return a number beyond the bounds moved to them; what is no number counts as missing."""
    if number != number:
        return missing
    return LARGEST if number > 0 else LOWEST


def _divisor(encoder: NumericEncoder) -> float:
    if not encoder.scale:
        raise NotCompiledError(f"column '{encoder.name}' is divided by zero")
    return encoder.scale


def _unheard_of(kept: tuple[str, ...]) -> str:
    """Return a text that is none of the categories."""
    return "\x00" + max(kept, key=len, default="")
