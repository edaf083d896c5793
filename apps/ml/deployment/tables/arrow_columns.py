"""Arrow's columns as given columns: what a type holds is told from the schema, before a value is read."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.tables.arrow_values import kind_of, numbers_of
from apps.ml.deployment.tables.given_columns import GivenColumn, GivenKind
from apps.ml.deployment.tables.refused_tables import require_unpacked, unreadable

PANDAS_INDEX = "__index_level_"
"""Under such a name pandas writes an index that has none; it is no column."""


def kinds_of(schema: pa.Schema) -> dict[str, GivenKind]:
    """Return what each column of a table holds, by name; unnamed indexes of pandas are left out.

    Raises
    ------
    RefusalError
        400 where two columns have one name.
    """
    if len(set(schema.names)) != len(schema.names):
        raise unreadable("it holds two columns of one name", "Name each column once.")
    return {field.name: kind_of(field.type) for field in schema if not field.name.startswith(PANDAS_INDEX)}


def readable_names(kinds: Mapping[str, GivenKind], columns: Sequence[ColumnSchema]) -> list[str]:
    """Return the columns whose values are worth reading: known ones of a type that fits some column."""
    known = {column.name for column in columns}
    return [name for name, kind in kinds.items() if name in known and kind not in ("other", "nothing")]


def given_columns(
    kinds: Mapping[str, GivenKind], table: pa.Table | None, rows: int, limits: Limits
) -> dict[str, GivenColumn]:
    """Return every column of `kinds`; those that `table` lacks stand for values that nobody needs to read.

    Raises
    ------
    RefusalError
        400 where the table contradicts itself, 413 where its texts unpack to more than a body may hold.
    """
    read: dict[str, GivenColumn] = {}
    if table is not None:
        table.validate(full=True)
        if table.num_rows != rows:
            raise unreadable("it holds another number of rows than it declares")
        read = {name: _given(kinds[name], table.column(name), limits) for name in table.column_names}
    return {name: read[name] if name in read else GivenColumn(_unread(kind), rows) for name, kind in kinds.items()}


def _unread(kind: GivenKind) -> GivenKind:
    return "nothing" if kind == "nothing" else "other"


def _given(kind: GivenKind, column: pa.ChunkedArray, limits: Limits) -> GivenColumn:
    if kind == "text":
        require_unpacked(_text_bytes(column), limits)
        return GivenColumn(kind, len(column), texts=column.to_pylist())
    return GivenColumn(kind, len(column), numbers=numbers_of(column))


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Return the size of all texts, repeated ones counted as often as they stand in the table."""
    return sum(_chunk_bytes(chunk) for chunk in column.chunks)


def _chunk_bytes(chunk: pa.Array) -> int:
    if isinstance(chunk, pa.DictionaryArray):
        lengths = pc.take(_lengths(chunk.dictionary), chunk.indices)
    else:
        lengths = _lengths(chunk)
    return pc.sum(lengths.cast(pa.int64())).as_py() or 0


def _lengths(texts: pa.Array) -> pa.Array:
    """Return the bytes of each text. Arrow has no kernel for views: the first four bytes of each are its length."""
    if not pa.types.is_string_view(texts.type):
        return pc.binary_length(texts)
    views = np.frombuffer(texts.buffers()[1] or b"", dtype="<i4").reshape(-1, 4)
    lengths = views[texts.offset : texts.offset + len(texts), 0]
    return pa.array(np.where(texts.is_null().to_numpy(zero_copy_only=False), 0, lengths))
