"""What a Parquet file declares about itself, read from its footer and its page headers before Arrow's reader sees it.

The sizes in the footer are claims; a reader allocates what the page headers say. Both are read here and not through
pyarrow's metadata objects, which end the whole process on some damaged footers. References: `parquet.thrift`
(FileMetaData, RowGroup, ColumnChunk, ColumnMetaData, PageHeader, Encoding) of the Parquet format.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from apps.ml.deployment.tables.refused_tables import unreadable
from apps.ml.deployment.tables.thrift_structs import Body, Fields, ThriftCursor, damaged

MAGIC = b"PAR1"
FOOTER_SIZE_BYTES = 4
LEAST_BYTES = 2 * len(MAGIC) + FOOTER_SIZE_BYTES

FILE_ROWS, FILE_GROUPS = 3, 4
GROUP_COLUMNS = 1
CHUNK_METADATA = 3
PATH, PACKED, VALUES_START, DICTIONARY_START = 3, 7, 9, 11

PAGE_UNPACKED, PAGE_PACKED = 2, 3
PAGE_ENCODINGS = {5: 2, 8: 4}
"""Fields of a page header that hold a data page of version 1 and 2, and where these keep the encoding."""

PREFIXED = 7
"""DELTA_BYTE_ARRAY: each text repeats the beginning of the one before, so a small page can hold endless text."""


@dataclass(frozen=True)
class ParquetClaims:
    """Rows of the file, and its row groups as structs of the footer."""

    rows: int
    groups: tuple[Fields, ...]

    def names(self) -> set[str]:
        """Return the columns at the top of the schema, as the first row group names them."""
        names = {_name(chunk) for group in self.groups[:1] for chunk in _chunks(group)}
        return {name for name in names if name is not None}


def parquet_claims(body: Body) -> ParquetClaims:
    """Return what the footer declares; :class:`RefusalError` 400 where there is none."""
    if len(body) < LEAST_BYTES or body[: len(MAGIC)] != MAGIC or body[-len(MAGIC) :] != MAGIC:
        raise damaged()
    end = len(body) - len(MAGIC) - FOOTER_SIZE_BYTES
    size = int.from_bytes(body[end : end + FOOTER_SIZE_BYTES], "little")
    if size > end:
        raise damaged()
    footer = ThriftCursor(body, end - size, end).fields()
    return ParquetClaims(_integer(footer, FILE_ROWS), tuple(_structs(footer, FILE_GROUPS)))


def unpacked_bytes(body: Body, claims: ParquetClaims, names: Set[str]) -> int:
    """Return the size of all pages of the columns in `names`, a page counted as often as the footer points to it.

    Raises
    ------
    RefusalError
        400 where the footer or a page header is damaged, a column is not where it should be, or a page is written in
        an encoding whose size it does not tell.
    """
    total = 0
    for group in claims.groups:
        found = [chunk for chunk in _chunks(group) if _name(chunk) in names]
        if {_name(chunk) for chunk in found} != names or len(found) != len(names):
            raise unreadable("its columns are not where its schema says")
        total += sum(_chunk_bytes(body, chunk) for chunk in found)
    return total


def _chunks(group: Fields) -> Iterator[Fields]:
    for chunk in _structs(group, GROUP_COLUMNS):
        metadata = chunk.get(CHUNK_METADATA)
        if not isinstance(metadata, dict):
            raise damaged()
        yield metadata


def _name(chunk: Fields) -> str | None:
    """Return the name of a column that stands at the top of the schema, None for one inside of another."""
    path = chunk.get(PATH)
    if isinstance(path, list) and len(path) == 1 and isinstance(path[0], bytes):
        return path[0].decode("utf-8", "replace")
    return None


def _chunk_bytes(body: Body, chunk: Fields) -> int:
    """Return the unpacked size of the pages of one column chunk, which begin with its dictionary if it has one."""
    start, size = _integer(chunk, VALUES_START), _integer(chunk, PACKED)
    dictionary = chunk.get(DICTIONARY_START)
    if isinstance(dictionary, int) and 0 < dictionary < start:
        start = dictionary
    if start + size > len(body):
        raise unreadable("a column lies outside of the body")
    cursor, total = ThriftCursor(body, start, start + size), 0
    while cursor.position < cursor.end:
        page = cursor.fields()
        _require_telling(page)
        total += _integer(page, PAGE_UNPACKED)
        cursor.skip(_integer(page, PAGE_PACKED))
    return total


def _require_telling(page: Fields) -> None:
    for kind, field in PAGE_ENCODINGS.items():
        content = page.get(kind)
        if isinstance(content, dict) and content.get(field) == PREFIXED:
            repair = "Write it with plain or dictionary encoding."
            raise unreadable("a page is written in the encoding DELTA_BYTE_ARRAY", repair)


def _structs(fields: Fields, number: int) -> list[Fields]:
    found: Any = fields.get(number)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise damaged()
    return found


def _integer(fields: Fields, number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or value < 0:
        raise damaged()
    return value
