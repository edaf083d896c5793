"""A statistical profile: what each column, the label and each group look like, as counts and quantiles.

A profile describes many people and no single one: a category, a group's label share or a boolean value that fewer than
:data:`SMALLEST_SHOWN` rows have is pooled or withheld; of identifiers only the number of different values is given.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.consistency import NO_FEATURE
from apps.ml.data.declaration import Column, Declaration
from apps.ml.data.declared_rows import DeclaredRows
from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.data.sensitive import attribute_schemas, sensitive_columns

SMALLEST_SHOWN = 5
"""Fewer rows than this are never shown on their own."""
MOST_CATEGORIES = 20
HISTOGRAM_BINS = 20
QUANTILES = {"quantile_05": 0.05, "quartile_1": 0.25, "median": 0.5, "quartile_3": 0.75, "quantile_95": 0.95}

Role = Literal["feature", "sensitive feature", "held out", "left out", "not a feature"]


def profile(declaration: Declaration, table: DeclaredRows) -> dict[str, Any]:
    """Return the profile of all rows: `columns` in the order of the declaration, `groups` per sensitive attribute."""
    frame = table.typed.frame
    columns = [
        {
            "column": name,
            "type": column.type,
            "role": _role(name, column, declaration),
            **_statistics(frame[name], column),
        }
        for name, column in declaration.columns.items()
    ]
    labels = np.array([], dtype=np.float64) if table.labels is None else table.labels
    measure = "label_share" if declaration.task == CLASSIFICATION else "label_mean"
    return {"columns": columns, "groups": _groups(declaration, table.groups.names, labels, measure)}


def label_summary(
    task: Task, labels: npt.NDArray[np.float64], parts: Mapping[str, npt.NDArray[np.int64]]
) -> dict[str, Any]:
    """Return `label_share`, the share of positive rows, over all rows and in each part; of numbers `label_mean` and
    `label_deviation` (standard deviation)."""
    inside = {"all": labels, **{name: labels[positions] for name, positions in parts.items()}}
    means = {name: float(values.mean()) for name, values in inside.items()}
    if task == CLASSIFICATION:
        return {"label_share": means}
    return {"label_mean": means, "label_deviation": {name: float(values.std()) for name, values in inside.items()}}


def _role(name: str, column: Column, declaration: Declaration) -> Role:
    if name in declaration.leave_out:
        return "left out"
    if name in declaration.held_out:
        return "held out"
    if column.type in NO_FEATURE:
        return "not a feature"
    return "sensitive feature" if name in sensitive_columns(declaration) else "feature"


def _statistics(values: pd.Series, column: Column) -> dict[str, Any]:
    present = values.dropna()
    counts = {"rows": len(values), "missing": len(values) - len(present), "distinct": int(present.nunique())}
    if column.type == "identifier" or present.empty:
        return counts
    if column.type == "date":
        return counts | {"earliest": present.min().date().isoformat(), "latest": present.max().date().isoformat()}
    if column.type == "category":
        return counts | _categories(present)
    if column.type == "boolean":
        return counts | _categories(present.map({0.0: "false", 1.0: "true"}).astype("str"))
    return counts | _numbers(present.to_numpy(dtype=np.float64))


def _numbers(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    quantiles = dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values())).tolist(), strict=True))
    # Values near the largest float overflow in a sum; what cannot be told is None.
    with np.errstate(over="ignore", invalid="ignore"):
        statistics = {
            "minimum": float(values.min()),
            **quantiles,
            "maximum": float(values.max()),
            "mean": float(values.mean()),
            "standard_deviation": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        }
        histogram = _histogram(values)
    return {name: value if np.isfinite(value) else None for name, value in statistics.items()} | {
        "histogram": histogram
    }


def _histogram(values: npt.NDArray[np.float64]) -> dict[str, list[float]]:
    """Count values in bins of equal width; each bin of a column of whole numbers holds equally many of them."""
    low, high = float(values.min()), float(values.max())
    if low == high or not np.isfinite(high - low):
        return {"edges": [low, high], "counts": [len(values)]}
    if (values == np.floor(values)).all():
        width = np.ceil((high - low + 1) / HISTOGRAM_BINS)
        edges = low - 0.5 + width * np.arange(np.ceil((high - low + 1) / width) + 1)
    else:
        edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    return {"edges": edges.tolist(), "counts": np.histogram(values, edges)[0].tolist()}


def _categories(values: pd.Series) -> dict[str, Any]:
    counts = sorted(values.value_counts().items(), key=lambda entry: (-entry[1], str(entry[0])))
    shown = [(name, count) for name, count in counts if count >= SMALLEST_SHOWN][:MOST_CATEGORIES]
    pooled = len(values) - sum(count for _, count in shown)
    return {
        "categories": [{"value": str(name), "rows": int(count)} for name, count in shown],
        "other_rare": {"categories": len(counts) - len(shown), "rows": int(pooled)},
    }


def _groups(
    declaration: Declaration, names: pd.DataFrame, labels: npt.NDArray[np.float64], measure: str
) -> list[dict[str, Any]]:
    return [
        {"attribute": schema.name, "groups": list(_group_means(schema.groups, names[schema.name], labels, measure))}
        for schema in attribute_schemas(declaration, names)
    ]


def _group_means(
    order: tuple[str, ...], names: pd.Series, labels: npt.NDArray[np.float64], measure: str
) -> Iterator[dict[str, Any]]:
    for group in order:
        inside = labels[(names == group).to_numpy()]
        shown = len(inside) >= SMALLEST_SHOWN
        yield {"group": group, "rows": len(inside), measure: float(inside.mean()) if shown else None}
