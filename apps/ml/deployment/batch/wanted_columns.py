"""Which columns of an input are read: the model's, and those that the output repeats."""

from collections import Counter
from collections.abc import Sequence

from apps.ml.data.processed import ColumnSchema
from apps.ml.errors import DataError
from apps.ml.validation_errors import nearest_name


def wanted_columns(
    present: Sequence[str], columns: Sequence[ColumnSchema], keep: Sequence[str] | None, origin: str
) -> list[str]:
    """Return the names of the columns to read, in the order of the input.

    Raises
    ------
    DataError
        The input lacks a column, or has two of one name.
    """
    needed = [column.name for column in columns]
    kept = list(present) if keep is None else list(keep)
    absent = [name for name in dict.fromkeys([*needed, *kept]) if name not in present]
    if absent:
        spare = [name for name in present if name not in needed]
        listed = ", ".join(f"'{name}'{_meant(name, spare)}" for name in absent)
        raise DataError(
            f"{origin} lacks {_columns(len(absent))} {listed}. Provide every column of the model and of --keep, under "
            "its name."
        )
    wanted = [name for name in present if name in {*needed, *kept}]
    twice = [name for name, count in Counter(wanted).items() if count > 1]
    if twice:
        listed = ", ".join(f"'{name}'" for name in twice)
        raise DataError(f"{origin} has two columns named {listed}. Rename all but the one that is meant.")
    return wanted


def _meant(name: str, spare: list[str]) -> str:
    hint = nearest_name(name, spare)
    return f" ({hint.removeprefix('; ')})" if "did you mean" in hint else ""


def _columns(count: int) -> str:
    return "the column" if count == 1 else f"{count} columns:"
