"""What Arrow's types hold, and their numbers: one set of rules for bodies of requests and for files of a batch."""

from typing import Any

import numpy as np
import pyarrow as pa

from apps.ml.deployment.tables.given_columns import GivenKind, Numbers


def kind_of(data_type: Any) -> GivenKind:
    """Return what a column of an Arrow type holds; decimals are `other`."""
    types = pa.types
    if types.is_dictionary(data_type):
        inner = kind_of(data_type.value_type)
        return "other" if inner == "nothing" else inner
    if types.is_boolean(data_type):
        return "truth"
    if types.is_integer(data_type) or types.is_floating(data_type):
        return "number"
    if types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type):
        return "text"
    return "nothing" if types.is_null(data_type) else "other"


def numbers_of(column: Any) -> Numbers:
    """Return float64 [n] of a ChunkedArray of numbers or truth values, NaN where missing.

    Whole numbers beyond 2^53 are rounded as `float` rounds them.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
