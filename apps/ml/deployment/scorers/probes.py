"""Probes: made-up rows at places where a scorer that computes a little differently would give itself away.

They mix the values of golden rows column by column, leave values out, name categories that nobody has seen, hold huge
numbers, and lie on and beside the thresholds of trees and the edges of bins, where one bit decides the side.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.deployment.scorers.trees import Trees, thresholds_by_feature
from apps.ml.features.numeric_columns import NumericEncoder
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.golden_rows import records, typed_frame

Matrix = npt.NDArray[np.float64]

PROBES = 400
SEED = 0
MISSING_SHARE, UNSEEN_SHARE, HUGE_SHARE, BOUNDARY_SHARE = 0.08, 0.04, 0.01, 0.5
UNSEEN = "never seen"
HUGE = (1e300, -1e300, 3.5e38, 1e-300, -0.0)


def probe_rows(golden: pd.DataFrame, bundle: ModelBundle, trees: Sequence[Trees]) -> pd.DataFrame:
    """Return a typed frame of golden rows and, after them, as many probes as :data:`PROBES`.

    Parameters
    ----------
    golden : data frame [1 or more, input columns]
    trees
        What the estimator is made of; their thresholds are probed.
    """
    generator = np.random.default_rng(SEED)
    columns = bundle.info.columns
    known = records(golden, columns)
    mixed = [
        {column.name: known[generator.integers(len(known))][column.name] for column in columns} for _ in range(PROBES)
    ]
    for row in mixed:
        for column in columns:
            row[column.name] = _disturbed(row[column.name], column, generator)
    _put_boundaries(mixed, boundaries_of(bundle, trees), generator)
    return typed_frame([*known, *mixed], columns)


def values_of(frame: pd.DataFrame, columns: Sequence[ColumnSchema]) -> list[list[Value]]:
    """Return the rows of a typed frame as values of requests, in the order of `columns`."""
    return [list(record.values()) for record in records(frame, columns)]


def boundaries_of(bundle: ModelBundle, trees: Sequence[Trees]) -> dict[str, Matrix]:
    """Return per numeric column the raw values whose encoding lies at a threshold of a tree, or at the edge of a bin.

    Each comes with its neighbours on both sides.
    """
    transformer: Any = bundle.transformer
    thresholds = thresholds_by_feature(trees)
    found: dict[str, Matrix] = {}
    first = 0
    for encoder in transformer.encoders_:
        if isinstance(encoder, NumericEncoder):
            found[encoder.name] = _with_neighbours(_raw_boundaries(encoder, first, transformer.selected_, thresholds))
        first += len(encoder.names())
    return {name: values for name, values in found.items() if len(values)}


def _raw_boundaries(
    encoder: NumericEncoder, place: int, selected: Sequence[int], thresholds: Mapping[int, Matrix]
) -> Matrix:
    if encoder.edges is not None:
        return np.array(encoder.edges, dtype=np.float64)
    if place not in selected:
        return np.empty(0)
    return thresholds.get(list(selected).index(place), np.empty(0)) * encoder.scale + encoder.center


def _with_neighbours(values: Matrix) -> Matrix:
    return np.unique([np.nextafter(values, -np.inf), values, np.nextafter(values, np.inf)])


def _disturbed(value: Any, column: ColumnSchema, generator: np.random.Generator) -> Any:
    chance = generator.random()
    if column.nullable and chance < MISSING_SHARE:
        return None
    if column.kind == "categorical" and chance > 1.0 - UNSEEN_SHARE:
        return UNSEEN
    if column.kind == "numeric" and chance > 1.0 - HUGE_SHARE:
        return float(generator.choice(HUGE))
    return value


def _put_boundaries(
    rows: list[dict[str, Any]], boundaries: Mapping[str, Matrix], generator: np.random.Generator
) -> None:
    """Move rows to boundaries, all columns in turn."""
    names = list(boundaries)
    for place, row in enumerate(rows[: int(len(rows) * BOUNDARY_SHARE)] if names else []):
        name = names[place % len(names)]
        row[name] = float(generator.choice(boundaries[name]))
