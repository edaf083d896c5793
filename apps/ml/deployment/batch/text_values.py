"""Texts of a CSV file read as numbers and truth values; a text that is neither stays unread."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Texts = Any
"""A pyarrow ChunkedArray of strings."""

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
TRUE = ("true", "1", "1.0")
FALSE = ("false", "0", "0.0")


def numbers_of_texts(texts: Texts) -> tuple[Numbers, Mask]:
    """Return float64 [n] of decimal texts, blanks around them aside, and which texts are no numbers.

    A missing text gives NaN, one that is no number NaN as well; a number beyond the range of float64 gives an infinity.
    """
    try:
        numbers = _floats(texts)
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(texts)
        decimal = pc.match_substring_regex(trimmed, DECIMAL)
        numbers = _floats(pc.if_else(decimal, trimmed, None))
        return numbers, _truths(pc.invert(decimal))
    unread = np.isnan(numbers) & _truths(texts.is_valid())
    return _without_named_infinities(texts, numbers, unread)


def truths_of_texts(texts: Texts) -> tuple[Numbers, Mask]:
    """Return float64 [n] of 0 and 1 for texts such as `true` and `0`, whatever their case, and which texts are neither.

    A missing text gives NaN, one that is neither NaN as well.
    """
    lowered = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    true = _truths(pc.is_in(lowered, pa.array(TRUE)))
    false = _truths(pc.is_in(lowered, pa.array(FALSE)))
    numbers = np.full(len(texts), np.nan)
    numbers[true], numbers[false] = 1.0, 0.0
    return numbers, _truths(texts.is_valid()) & ~true & ~false


def _without_named_infinities(texts: Texts, numbers: Numbers, unread: Mask) -> tuple[Numbers, Mask]:
    """Arrow reads the word `inf`, which is no decimal text."""
    if np.isinf(numbers).any():
        named = np.isinf(numbers) & ~_truths(pc.match_substring_regex(texts, DECIMAL))
        numbers, unread = np.where(named, np.nan, numbers), unread | named
    return numbers, unread


def _floats(texts: Texts) -> Numbers:
    return np.array(texts.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _truths(mask: Any) -> Mask:
    """A mask as numpy, False where nothing is known."""
    return np.asarray(pc.fill_null(mask, False), dtype=bool)
