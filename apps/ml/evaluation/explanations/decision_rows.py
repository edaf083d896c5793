"""The rows whose decisions are explained."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import AttributeSchema
from apps.ml.errors import DataError


@dataclass(frozen=True)
class DecisionRows:
    """The rows whose decisions are explained, all parts aligned by position, and what they are compared with.

    `frame`: typed data frame [n] with the input columns; `rows`: int64 [n], number in the source; `labels`: int8 [n];
    `groups`: data frame [n, attributes] of group names; `reference`: typed data frame [m] of training rows, all of them
    or a sample; `attributes`: every sensitive attribute with its columns.
    """

    frame: pd.DataFrame
    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int8]
    groups: pd.DataFrame
    reference: pd.DataFrame
    attributes: tuple[AttributeSchema, ...]


def require_aligned(rows: DecisionRows) -> None:
    """Raise a DataError that names the parts whose lengths differ; return where they do not."""
    sizes = {"frame": len(rows.frame), "rows": len(rows.rows), "labels": len(rows.labels), "groups": len(rows.groups)}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise DataError(f"the parts of the rows to explain differ in length ({found}). Hand in one entry per row.")
