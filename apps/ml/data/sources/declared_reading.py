"""What the declaration asks of every table of text: distinct names, suffixes taken off, missing values marked."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from apps.ml.data.declaration import Reading
from apps.ml.errors import SourceError
from apps.ml.validation_errors import nearest_name


def as_declared(frame: pd.DataFrame, reading: Reading, origin: str) -> pd.DataFrame:
    """Return the text table with declared suffixes stripped and then exactly the declared `missing` texts as NaN.

    Raises
    ------
    SourceError
        There is no row, or `strip_suffix` names a column that is absent.
    """
    if frame.empty:
        raise SourceError(f"{origin} has column names and no rows. Provide the whole table.")
    stripped = _without_suffixes(frame, reading, origin)
    return stripped.mask(stripped.isin(list(reading.missing))) if reading.missing else stripped


def require_distinct(names: Sequence[str], origin: str) -> None:
    """Raise a SourceError that lists the column names that appear more than once."""
    repeated = {name: count for name, count in Counter(names).items() if count > 1}
    if repeated:
        listed = ", ".join(f"'{name}' ({count} times)" for name, count in repeated.items())
        raise SourceError(f"{origin}: column names appear more than once: {listed}. Rename or remove the repeats.")


def _without_suffixes(frame: pd.DataFrame, reading: Reading, origin: str) -> pd.DataFrame:
    absent = [column for column in reading.strip_suffix if column not in frame]
    if absent:
        hint = nearest_name(absent[0], [str(name) for name in frame.columns])
        raise SourceError(
            f"{origin}: `reading.strip_suffix` names column '{absent[0]}', which is not there{hint}. Mend the name."
        )
    return frame.assign(**{name: frame[name].str.removesuffix(end) for name, end in reading.strip_suffix.items()})
