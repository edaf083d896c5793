"""Texts of a CSV file read as numbers and truth values, whole columns at once; a text that is neither stays unread.

The rules are those of `tables.csv_rows`, which reads the cells of a request one by one.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from apps.ml.deployment.tables.written_values import DECIMAL, TRUTHS

Texts = Any
"""A pyarrow ChunkedArray of strings."""

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WHOLE_DECIMAL = rf"^{DECIMAL}\z"


def numbers_of_texts(texts: Texts) -> tuple[Numbers, Mask]:
    """Return float64 [n] of decimal texts, and which texts are no numbers.

    A missing text gives NaN, one that is no number NaN as well; a number beyond the range of float64 gives an infinity.
    """
    try:
        numbers = _floats(texts)
    except pa.ArrowInvalid:
        return _numbers_among(texts)
    present = np.asarray(texts.is_valid())
    # Arrow also reads the words nan and inf, which are no decimal texts.
    return (
        (numbers, np.zeros(len(numbers), dtype=bool)) if np.isfinite(numbers[present]).all() else _numbers_among(texts)
    )


def truths_of_texts(texts: Texts) -> tuple[Numbers, Mask]:
    """Return float64 [n]: 1 and 0 for `true` and `false`, whatever their case, else the number that the text is, and
    which texts are neither.

    A missing text gives NaN, one that is neither NaN as well.
    """
    lowered = pc.utf8_lower(texts)
    words = {word: _truths(pc.equal(lowered, word)) for word in TRUTHS}
    word = np.any(list(words.values()), axis=0)
    numbers, unread = numbers_of_texts(pc.if_else(pa.array(word), None, texts))
    for text, value in TRUTHS.items():
        numbers[words[text]] = value
    return numbers, unread


def _numbers_among(texts: Texts) -> tuple[Numbers, Mask]:
    decimal = pc.match_substring_regex(texts, WHOLE_DECIMAL)
    return _floats(pc.if_else(decimal, texts, None)), _truths(pc.invert(decimal))


def _floats(texts: Texts) -> Numbers:
    return np.array(texts.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _truths(mask: Any) -> Mask:
    """A mask as numpy, False where nothing is known."""
    return np.asarray(pc.fill_null(mask, False), dtype=bool)
