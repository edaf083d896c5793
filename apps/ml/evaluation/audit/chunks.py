"""A part of an audited file in memory: text columns as codes into their few distinct values, numbers as numbers."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.validation_errors import nearest_name

MOST_TEXT_VALUES = 100_000
"""A text column with more distinct values than this in one chunk is refused before its values are looked at."""


@dataclass(frozen=True)
class TextColumn:
    """`values`: the texts of the chunk; `codes`: integers [n], position of each row's text, −1 for missing."""

    values: tuple[str, ...]
    codes: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chunk:
    """Some rows that follow each other.

    `first_line`: number of the first row's record in the file; the header is record 1 (in Parquet the first row is 1).
    `rows`: how many. `numbers`: float64 [n], NaN for missing. `done`: share of the file that was read, 0 to 1.
    """

    first_line: int
    rows: int
    texts: Mapping[str, TextColumn]
    numbers: Mapping[str, npt.NDArray[np.float64]]
    done: float


def plain_name(text: str) -> str:
    """Return a name without surrounding blanks and in Unicode's composed form: what looks the same is the same."""
    return unicodedata.normalize("NFC", text.strip())


def text_column(values: Sequence[str | None], codes: npt.NDArray[np.int64], missing: Sequence[str]) -> TextColumn:
    """Return a column of plain names, missing where a value is None, blank or, without blanks around it, `missing`.

    `values` may repeat and hold what no row has; `codes` are positions in it, −1 for missing.
    """
    absent = {"", *missing}
    names = tuple("" if value is None else plain_name(value) for value in values)
    used = np.bincount(codes + 1, minlength=len(names) + 1)[1:] > 0
    kept = [at for at, name in enumerate(names) if used[at] and name not in absent]
    moved = np.full(len(names) + 1, -1, dtype=np.int64)
    moved[kept] = np.arange(len(kept))
    return TextColumn(tuple(names[at] for at in kept), moved[codes])


def require_columns(needed: Sequence[str], present: Sequence[str], origin: str) -> None:
    """Refuse a file that lacks a column, or has two of that name.

    Raises
    ------
    DataError
        Names the column and the nearest one there is.
    """
    for name in needed:
        found = present.count(name)
        if found == 0:
            hint = nearest_name(name, list(dict.fromkeys(present)))
            raise DataError(f"{origin} has no column '{name}'{hint}{'' if hint.endswith('?') else '.'} Mend the name.")
        if found > 1:
            raise DataError(f"{origin} has {found} columns named '{name}'. Rename all but the one that is meant.")


def require_few_values(name: str, distinct: int, rows: int) -> None:
    """Refuse a column that has nearly a value of its own per row, before its values are looked at.

    Raises
    ------
    DataError
        Names the column and the numbers.
    """
    if distinct > MOST_TEXT_VALUES:
        raise DataError(
            f"the column '{name}' has {distinct:,} distinct values in the first {rows:,} rows that were looked at: "
            "neither groups nor outcomes. Name another column."
        )
