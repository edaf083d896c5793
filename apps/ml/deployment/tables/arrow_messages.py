"""What an Arrow stream declares about itself, read before any buffer is decompressed.

A stream is a sequence of messages, each a FlatBuffers table and a body. A compressed buffer begins with its unpacked
size as eight bytes. References: the Arrow columnar format, «Serialization and Interprocess Communication (IPC)» with
its `Message.fbs`; the FlatBuffers binary format («internals»).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from apps.ml.deployment.tables.refused_tables import unreadable

UINT16, INT32, UINT32, INT64 = (struct.Struct(code) for code in ("<H", "<i", "<I", "<q"))
BUFFER = struct.Struct("<qq")
STORED_PLAIN = -1
"""The unpacked size of a buffer that was left uncompressed among compressed ones."""

HEADER, LENGTH, BUFFERS, COMPRESSION, DICTIONARY_DATA = 2, 0, 2, 3, 1


@dataclass(frozen=True)
class Declared:
    """Rows of all record batches, and bytes of all buffers once unpacked."""

    rows: int
    unpacked_bytes: int


def declared(stream: pa.Buffer) -> Declared:
    """Return what the messages of a stream declare.

    Raises
    ------
    RefusalError
        400 a negative size.
    struct.error, pyarrow.ArrowException
        The stream is damaged.
    """
    rows = unpacked = 0
    for message in _messages(stream):
        if message.type not in ("record batch", "dictionary"):
            continue
        metadata = message.metadata.to_pybytes()
        batch = _table_at(metadata, _root(metadata), HEADER)
        if message.type == "dictionary":
            batch = _table_at(metadata, batch, DICTIONARY_DATA)
        else:
            rows += _non_negative(_int64(metadata, batch, LENGTH))
        unpacked += _unpacked_bytes(metadata, batch, message.body)
    return Declared(rows, unpacked)


def _messages(stream: pa.Buffer) -> Iterator[pa.ipc.Message]:
    reader = pa.ipc.MessageReader.open_stream(stream)
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _unpacked_bytes(metadata: bytes, batch: int, body: pa.Buffer | None) -> int:
    content = memoryview(body) if body is not None else memoryview(b"")
    compressed = _field(metadata, batch, COMPRESSION) != 0
    return sum(
        _buffer_bytes(content, offset, size) if compressed and size else size
        for offset, size in _buffers(metadata, batch)
    )


def _buffers(metadata: bytes, batch: int) -> Iterator[tuple[int, int]]:
    at = _field(metadata, batch, BUFFERS)
    if not at:
        return
    vector = at + UINT32.unpack_from(metadata, at)[0]
    for number in range(UINT32.unpack_from(metadata, vector)[0]):
        offset, size = BUFFER.unpack_from(metadata, vector + UINT32.size + number * BUFFER.size)
        yield _non_negative(offset), _non_negative(size)


def _buffer_bytes(content: memoryview, offset: int, size: int) -> int:
    declared_size = int(INT64.unpack_from(content, offset)[0])
    return size if declared_size == STORED_PLAIN else _non_negative(declared_size)


def _root(metadata: bytes) -> int:
    return int(UINT32.unpack_from(metadata, 0)[0])


def _table_at(metadata: bytes, table: int, field: int) -> int:
    at = _field(metadata, table, field)
    if not at:
        raise unreadable("a message has no content")
    return at + int(UINT32.unpack_from(metadata, at)[0])


def _int64(metadata: bytes, table: int, field: int) -> int:
    at = _field(metadata, table, field)
    return int(INT64.unpack_from(metadata, at)[0]) if at else 0


def _field(metadata: bytes, table: int, field: int) -> int:
    """Return where a field of a FlatBuffers table lies, 0 where it is absent."""
    entries = table - INT32.unpack_from(metadata, table)[0]
    entry = UINT16.size * (2 + field)
    if entries < 0 or entry >= UINT16.unpack_from(metadata, entries)[0]:
        return 0
    offset = UINT16.unpack_from(metadata, entries + entry)[0]
    return table + int(offset) if offset else 0


def _non_negative(value: int) -> int:
    if value < 0:
        raise unreadable("it declares a negative size")
    return value
