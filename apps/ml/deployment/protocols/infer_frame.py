"""From the inputs of a v2 request to the typed frame: one input per column, or all columns in one input."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.protocols.record_forms import misshapen
from apps.ml.deployment.protocols.tensors import Tensor
from apps.ml.deployment.tables.given_columns import GivenColumn, frame_of_given


def frame_of_tensors(tensors: Sequence[Tensor], columns: Sequence[ColumnSchema]) -> pd.DataFrame:
    """Return the typed frame.

    A single input of [rows, columns], more than one, holds the columns in their order; else each input is a column.
    BYTES has no null: an empty text stands for a missing value where the column may be missing and no declared category
    is empty. NaN stands for a missing number.

    Raises
    ------
    RefusalError
        400 inputs of different rows, of one name, or wider than one column.
    RequestError
        The columns do not fit the signature.
    """
    if len(tensors) == 1 and tensors[0].width == len(columns) > 1:
        given = _columns_of_matrix(tensors[0], columns)
    else:
        given = _columns_by_name(tensors)
    texts = {column.name: _with_missing(given[column.name], column) for column in columns if column.name in given}
    return frame_of_given({**given, **texts}, tensors[0].rows, columns)


def _columns_of_matrix(tensor: Tensor, columns: Sequence[ColumnSchema]) -> dict[str, GivenColumn]:
    whole, width = tensor.column, tensor.width
    given: dict[str, GivenColumn] = {}
    for number, column in enumerate(columns):
        texts = None if whole.texts is None else whole.texts[number::width]
        numbers = None if whole.numbers is None else np.ascontiguousarray(whole.numbers[number::width])
        given[column.name] = GivenColumn(whole.kind, tensor.rows, numbers, texts)
    return given


def _columns_by_name(tensors: Sequence[Tensor]) -> dict[str, GivenColumn]:
    if any(tensor.width != 1 for tensor in tensors):
        raise misshapen("An input is wider than one column. Send one input per column, or all columns in one input.")
    if len({tensor.rows for tensor in tensors}) != 1:
        raise misshapen("The inputs have different numbers of rows. Send one element per row in each.")
    given = {tensor.name: tensor.column for tensor in tensors}
    if len(given) != len(tensors):
        raise misshapen("Two inputs have one name. Send each column once.")
    return given


def _with_missing(given: GivenColumn, column: ColumnSchema) -> GivenColumn:
    if given.texts is None or not column.nullable or "" in column.categories:
        return given
    return GivenColumn(given.kind, given.rows, texts=[text or None for text in given.texts])
