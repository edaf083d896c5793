"""Rows that passed the filters, in every form that later steps look at, all aligned by position."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.declaration import Declaration, Split
from apps.ml.data.sensitive import Groups, group_names
from apps.ml.data.sources.raw_table import RawTable
from apps.ml.data.typing_of_columns import TypedColumns, label_values, typed


@dataclass(frozen=True)
class DeclaredRows:
    """The rows of a data set as its declaration reads them.

    `text`: data frame [n, all columns] as read; `typed`: the declared columns in their types; `labels`: float64 [n] of
    0, 1 and NaN (unusable), or None where the label column is absent; `groups`: names per sensitive attribute; `rows`:
    int64 [n], number in the source from 0; `origin`: str [n], part of the source that a row came from.
    """

    text: pd.DataFrame
    typed: TypedColumns
    labels: npt.NDArray[np.float64] | None
    groups: Groups
    rows: npt.NDArray[np.int64]
    origin: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: npt.NDArray[np.int64]) -> "DeclaredRows":
        """Return the rows at these positions, in this order."""
        return DeclaredRows(
            _take(self.text, positions),
            TypedColumns(_take(self.typed.frame, positions), _take(self.typed.readable, positions)),
            None if self.labels is None else self.labels[positions],
            Groups(_take(self.groups.names, positions), _take(self.groups.grouped, positions)),
            self.rows[positions],
            self.origin[positions],
        )


def declared_rows(declaration: Declaration, raw: RawTable, kept: npt.NDArray[np.int64]) -> DeclaredRows:
    """Read the kept rows of a raw table as the declaration promises; columns that are absent are left out."""
    text = _take(raw.frame, kept)
    columns = typed(text, declaration)
    label = declaration.label
    labels = label_values(text[label.column], label) if label.column in text.columns else None
    groups = group_names(text, columns.frame, declaration)
    return DeclaredRows(text, columns, labels, groups, kept, raw.origin[kept])


def split_keys(split: Split, table: DeclaredRows) -> pd.Series | None:
    """Return what a split looks at per row: moments, group or part of the source; None for a random split."""
    if split.method == "random":
        return None
    if split.column is None:
        return pd.Series(table.origin, dtype="str")
    return table.typed.frame[split.column] if split.method == "time" else table.text[split.column]


def ranks_of_keys(split: Split, table: DeclaredRows) -> npt.NDArray[np.int64] | None:
    """Return int64 [n], the rank of each row's group or moment; None where a split looks at neither.

    Ranks and not the values themselves: enough to divide the rows again in the same way.
    """
    keys = split_keys(split, table) if split.method in ("group", "time") else None
    return None if keys is None else np.asarray(keys.rank(method="dense"), dtype=np.int64)


def _take(frame: pd.DataFrame, positions: npt.NDArray[np.int64]) -> pd.DataFrame:
    return frame.iloc[positions].reset_index(drop=True)
