"""Rows that break a promise about single values, set aside where the declaration allows it, counted and kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.declared_rows import DeclaredRows
from apps.ml.data.processed import ROW
from apps.ml.data.validation import Judgement

REASONS = "fairmind:reasons"


@dataclass(frozen=True)
class SetAside:
    """Which rows are set aside and why.

    `positions`: int64 [m], ascending; `reasons`: m texts, one or more of "column: code" joined by "; "; `counts`: rows
    per reason (a row with two reasons counts in both).
    """

    positions: npt.NDArray[np.int64]
    reasons: tuple[str, ...]
    counts: dict[str, int]


def rows_to_set_aside(broken: Sequence[Judgement]) -> SetAside:
    """Collect the rows that the broken promises name."""
    reasons: dict[int, list[str]] = {}
    counts: dict[str, int] = {}
    for judgement in broken:
        reason = f"{judgement.promise.subject}: {judgement.promise.code}"
        counts[reason] = len(judgement.positions)
        for position in judgement.positions.tolist():
            reasons.setdefault(position, []).append(reason)
    ordered = sorted(reasons)
    return SetAside(np.array(ordered, dtype=np.int64), tuple("; ".join(reasons[row]) for row in ordered), counts)


def quarantined_rows(table: DeclaredRows, apart: SetAside) -> pd.DataFrame:
    """Return the rows as read, with their number in the source and the reasons why they were set aside."""
    rows = table.take(apart.positions)
    frame = rows.text.copy()
    frame[ROW] = rows.rows
    frame[REASONS] = pd.Series(list(apart.reasons), dtype="str")
    return frame
