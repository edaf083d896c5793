"""A Parquet file as text."""

from pathlib import Path

import pandas as pd

from apps.ml.data.sources.declared_reading import require_distinct
from apps.ml.data.sources.text_values import as_text
from apps.ml.errors import SourceError


def read_parquet(path: Path) -> pd.DataFrame:
    """Return a Parquet file as a data frame [n, columns] of `str`.

    Raises
    ------
    SourceError
        The file is empty, damaged or not Parquet, repeats a column name, or holds a column of lists or bytes.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty; expected a Parquet file. Put the whole file there.")
    try:
        require_distinct(parquet.read_schema(path).names, str(path))
        return as_text(parquet.read_table(path).to_pandas(), str(path))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise SourceError(
            f"{path} cannot be read as Parquet: it is damaged, cut off or of another format. Fetch the whole file "
            "again or mend `reading.format`."
        ) from error
