"""The ways in which peers' clients write rows as JSON, turned into records."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.tables.refused_tables import require_rows

Record = Mapping[str, Any]


def misshapen(message: str) -> RefusalError:
    """Return the refusal of a body of another shape than the protocol's (400)."""
    return RefusalError(HTTPStatus.BAD_REQUEST, "misshapen", message)


def records_of_rows(rows: Any, names: Sequence[str], limits: Limits) -> list[Record]:
    """Return rows that are objects as they are, and rows that are arrays as records of `names` in their order.

    Raises
    ------
    RefusalError
        400 no array of rows, or an array of another length than `names`; 413 too many; 422 none.
    """
    if not isinstance(rows, list):
        raise misshapen("The rows are not an array. Send one object or array per row.")
    require_rows(len(rows), limits)
    if not isinstance(rows[0], list):
        return rows
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise misshapen(f"Row {number} is no array of {len(names)} values. Send one value per column.")
    return [dict(zip(names, row, strict=True)) for row in rows]


def records_of_columns(columns: Record, limits: Limits) -> list[Record]:
    """Return the records of an object of columns: arrays of one length, or single values that make one row.

    Raises
    ------
    RefusalError
        400 columns of different lengths; 413 too many rows; 422 none.
    """
    if not any(isinstance(values, list) for values in columns.values()):
        return [columns]
    lengths = {len(values) if isinstance(values, list) else -1 for values in columns.values()}
    if len(lengths) != 1:
        raise misshapen("The columns have different lengths. Send one value per row in each.")
    require_rows(lengths.pop(), limits)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
