"""Rows as lines of a CSV file: a field stands in quotation marks only where it must, so that `49.0` stays `49.0`.

Numbers have the shortest text that gives the same float again. Nothing is an empty field, the empty text is `""`.
References: RFC 4180, except that lines end with a line feed alone.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from apps.ml.deployment.batch.pieces import Schema, Table

NEEDS_QUOTING = '[",\r\n]'
NOTHING, COMMA, END, QUOTE = (pa.scalar(text, pa.large_string()) for text in ("", ",", "\n", '"'))


def csv_header(schema: Schema) -> bytes:
    """Return the line of the column names."""
    return _lines([_quoted(pa.array([name], pa.large_string())) for name in schema.names])


def csv_lines(table: Table) -> bytes:
    """Return the rows, one line each."""
    return _lines([_fields(column) for column in table.columns]) if table.num_rows else b""


def _fields(column: Any) -> Any:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    texts = column.cast(kind).cast(pa.large_string())
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return texts if numbers else _quoted(texts)


def _quoted(texts: Any) -> Any:
    needs = pc.or_(pc.match_substring_regex(texts, NEEDS_QUOTING), pc.equal(texts, NOTHING))
    if not pc.any(needs).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise(QUOTE, doubled, QUOTE, NOTHING), texts)


def _lines(columns: list[Any]) -> bytes:
    last = pc.binary_join_element_wise(pc.fill_null(columns[-1], NOTHING), END, NOTHING)
    joined = pc.binary_join_element_wise(*columns[:-1], last, COMMA, null_handling="replace", null_replacement="")
    chunks = joined.chunks if isinstance(joined, pa.ChunkedArray) else [joined]
    return b"".join(_content(chunk) for chunk in chunks)


def _content(lines: Any) -> bytes:
    """The lines of an array lie one after the other in its last buffer."""
    ends = lines.buffers()[1]
    offsets = memoryview(ends).cast("q")
    first, last = offsets[lines.offset], offsets[lines.offset + len(lines)]
    content: bytes = lines.buffers()[2][first:last].to_pybytes() if last > first else b""
    return content
