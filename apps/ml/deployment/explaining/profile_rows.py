"""Rows with the distribution of each column that the bundle's summary of its training rows describes.

Columns are independent of one another in them: what replaces one column at a time, as reasons do, does not notice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.scored_model import FloatArray

ROWS = 400
"""Rows that stand for the training rows: twenty per bin of a numeric column."""

SHUFFLES = 71
"""Stream of randomness that deals each column's values to the rows."""


def profile_rows(
    reference: Mapping[str, Any], columns: Sequence[ColumnSchema], seed: int, rows: int = ROWS
) -> pd.DataFrame | None:
    """Return a typed frame [rows, columns]; None where the summary lacks a column.

    Parameters
    ----------
    reference
        Content of a bundle's `reference.json`, see `apps.ml.models.reference`.
    seed : int, at least 0
    """
    summaries = reference["columns"]
    if not all(column.name in summaries for column in columns):
        return None
    generator = np.random.default_rng([seed, SHUFFLES])
    content = {column.name: _dealt(summaries[column.name], column, rows, generator) for column in columns}
    return pd.DataFrame(content, index=pd.RangeIndex(rows), copy=False)


def _dealt(summary: Mapping[str, Any], column: ColumnSchema, rows: int, generator: np.random.Generator) -> Any:
    order = generator.permutation(rows)
    levels = (np.arange(rows) + 0.5) / rows
    present = levels < 1 - summary["missing_share"]
    levels = levels / max(1 - summary["missing_share"], 1 / rows)
    if column.kind == "categorical":
        names = [name if there else None for name, there in zip(_categories(summary, levels), present, strict=True)]
        return pd.array([names[place] for place in order.tolist()], dtype="str")
    values = _numbers(summary, levels, column.integer) if column.kind == "numeric" else _truths(summary, levels)
    return np.where(present, values, np.nan)[order]


def _categories(summary: Mapping[str, Any], levels: FloatArray) -> list[str | None]:
    names, shares = list(summary["categories"]), np.array(list(summary["categories"].values()))
    if not names:
        return [None] * len(levels)
    where = np.searchsorted(np.cumsum(shares / shares.sum()), levels, side="right")
    return [names[position] for position in np.minimum(where, len(names) - 1)]


def _truths(summary: Mapping[str, Any], levels: FloatArray) -> FloatArray:
    names = _categories(summary, levels)
    return np.array([np.nan if name is None else float(name == "true") for name in names])


def _numbers(summary: Mapping[str, Any], levels: FloatArray, whole: bool) -> FloatArray:
    """The middle of the bin at each level; of the open bins their one edge."""
    cuts = np.array(summary["cuts"], dtype=np.float64)
    if not len(cuts):
        return np.full(len(levels), np.nan if summary["mean"] is None else summary["mean"])
    edges = np.r_[cuts[0], cuts, cuts[-1]]
    middles = (edges[:-1] + edges[1:]) / 2
    where = np.searchsorted(np.cumsum(summary["shares"]), levels, side="right")
    found: npt.NDArray[np.float64] = middles[np.minimum(where, len(middles) - 1)]
    return np.floor(found) if whole else found
