"""The reference: what the training rows looked like, small enough to be stored with the model.

Monitoring compares later rows with it. It holds no row, no minimum and no maximum: numeric columns are summarised by
quantile bins whose outer ones are open, rare categories are pooled.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema

FORMAT = 1
NUMERIC_BINS = 20
"""Bins of equal share; ties make fewer."""
SCORE_BINS = 20
"""Bins of equal width over [0, 1]."""
FEWEST_ROWS = 10
"""A category with fewer rows is pooled."""

Scores = npt.NDArray[np.float64]


def summarise(
    features: pd.DataFrame,
    columns: Sequence[ColumnSchema],
    labels: npt.NDArray[Any],
    scores: Scores,
    decisions: npt.NDArray[np.int8] | None,
    groups: pd.DataFrame,
) -> dict[str, Any]:
    """Return the JSON-ready summary of training rows.

    Parameters
    ----------
    features : data frame [n, input columns]
    labels, decisions : int8 [n]; of numeric labels float64 [n] and None
    scores : float64 [n]: probabilities, or predicted values
    groups : data frame [n, attributes] of group names

    Returns
    -------
    dict
        `rows`; `columns`: per input column `missing_share` and either `cuts` [b] and `shares` [b + 1] of quantile bins
        (bin i holds cuts[i - 1] <= value < cuts[i]) with `mean` and standard `deviation` (both None where every value
        is missing), or `categories` (name → share) and `pooled_share`; `scores`: `edges` and `shares` of bins of equal
        width; `positive_share`, `decision_share`; of numeric labels instead `scores` and `labels` as numeric columns
        are summarised; `groups`: per attribute the share of rows by group.
    """
    return {
        "format": FORMAT,
        "rows": len(labels),
        "columns": {column.name: summarise_column(features[column.name], column) for column in columns},
        **_outcomes(labels, scores, decisions),
        "groups": {str(name): _shares(groups[name]) for name in groups.columns},
    }


def summarise_column(values: "pd.Series[Any]", column: ColumnSchema) -> dict[str, Any]:
    """Return the summary of one column; shares are of all rows that are not missing."""
    present = values.dropna()
    missing = {"kind": column.kind, "missing_share": float(values.isna().mean())}
    if column.kind == "numeric":
        return missing | _numeric(present.to_numpy(dtype=np.float64))
    return missing | _categories(present.map(_category_name) if column.kind == "boolean" else present)


def histogram(values: Scores, edges: Scores) -> dict[str, list[float]]:
    """Return `edges` [b + 1] and the share of rows in each bin [b]; the last bin holds its upper edge."""
    counts = np.histogram(values, edges)[0]
    return {"edges": edges.tolist(), "shares": (counts / max(1, len(values))).tolist()}


def _outcomes(labels: npt.NDArray[Any], scores: Scores, decisions: npt.NDArray[np.int8] | None) -> dict[str, Any]:
    if decisions is None:
        return {"scores": _numeric(scores), "labels": _numeric(labels)}
    return {
        "scores": histogram(scores, np.linspace(0.0, 1.0, SCORE_BINS + 1)),
        "positive_share": float(np.mean(labels)),
        "decision_share": float(np.mean(decisions)),
    }


def _numeric(values: Scores) -> dict[str, Any]:
    if not len(values):
        return {"cuts": [], "shares": [], "mean": None, "deviation": None}
    last_of_bin = -(-len(values) * np.arange(1, NUMERIC_BINS) // NUMERIC_BINS) - 1
    cuts = np.unique(np.sort(values)[last_of_bin])
    counts = np.bincount(np.searchsorted(cuts, values, side="right"), minlength=len(cuts) + 1)
    shares = (counts / len(values)).tolist()
    return {"cuts": cuts.tolist(), "shares": shares, "mean": float(np.mean(values)), "deviation": float(np.std(values))}


def _categories(values: "pd.Series[Any]") -> dict[str, Any]:
    counts = values.value_counts()
    kept = counts[counts >= FEWEST_ROWS]
    shares = {str(name): float(kept[name] / len(values)) for name in sorted(kept.index)}
    return {"categories": shares, "pooled_share": float((counts.sum() - kept.sum()) / max(1, len(values)))}


def _category_name(value: float) -> str:
    return "true" if value else "false"


def _shares(names: "pd.Series[Any]") -> dict[str, float]:
    counts = names.value_counts()
    return {str(name): float(counts[name] / len(names)) for name in sorted(counts.index)}
