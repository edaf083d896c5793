"""The datatype in which each column is best sent as a tensor."""

from apps.ml.data.processed import ColumnSchema


def datatype_of(column: ColumnSchema) -> str:
    """Return a datatype that holds every value of the column; NaN of FP64 is a missing one.

    Other datatypes of numbers are taken as well, as long as each value fits the column.
    """
    if column.kind == "categorical":
        return "BYTES"
    if column.nullable or (column.kind == "numeric" and not column.integer):
        return "FP64"
    return "BOOL" if column.kind == "boolean" else "INT64"
