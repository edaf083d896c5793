"""Structs in Thrift's compact protocol, in which Parquet writes its footer and its page headers.

A struct becomes a mapping from the numbers of its fields to integers, bytes, lists and structs; truth values and
floating-point numbers, which no size depends on, are left out. Reference: «Thrift compact protocol encoding».
"""

from dataclasses import dataclass
from mmap import mmap
from typing import Any

from apps.ml.deployment.tables.refused_tables import unreadable

Fields = dict[int, Any]
Body = bytes | mmap
"""What structs are read from: a body in memory, or a file that is looked at where it lies."""

TRUE, FALSE, BYTE, INTEGERS, DOUBLE, BINARY, LISTS, STRUCT = 1, 2, 3, (4, 5, 6), 7, 8, (9, 10), 12
DEEPEST = 12
LONGEST_INTEGER = 10
MOST_VALUES = 200_000
"""Values that one cursor reads before it gives up; a footer of ten thousand column chunks holds fewer."""


@dataclass
class ThriftCursor:
    """Reads from `position` on, never beyond `end`.

    Raises
    ------
    RefusalError
        400, from every method, where the bytes are no such struct.
    """

    body: Body
    position: int
    end: int
    values: int = 0

    def fields(self, depth: int = 0) -> Fields:
        """Read one struct."""
        if depth > DEEPEST:
            raise damaged()
        content: Fields = {}
        number = 0
        while (head := self._byte()) != 0:
            step = head >> 4
            number = number + step if step else self._integer()
            value = self._value(head & 0x0F, depth)
            if value is not None:
                content[number] = value
        return content

    def skip(self, size: int) -> None:
        """Move on."""
        if size > self.end - self.position:
            raise damaged()
        self.position += size

    def _value(self, kind: int, depth: int) -> Any:
        self.values += 1
        if self.values > MOST_VALUES:
            raise unreadable("it is divided into too many parts", "Write it with fewer row groups.")
        if kind in INTEGERS:
            return self._integer()
        if kind == STRUCT:
            return self.fields(depth + 1)
        if kind in LISTS:
            return self._list(depth)
        if kind == BINARY:
            size = self._unsigned()
            self.skip(size)
            return self.body[self.position - size : self.position]
        return self._skipped(kind)

    def _skipped(self, kind: int) -> None:
        if kind not in (TRUE, FALSE, BYTE, DOUBLE):
            raise damaged()
        self.skip({BYTE: 1, DOUBLE: 8}.get(kind, 0))

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 != 0x0F else self._unsigned()
        if count > self.end - self.position:
            raise damaged()
        kind = head & 0x0F
        return [self._element(kind, depth) for _ in range(count)]

    def _element(self, kind: int, depth: int) -> Any:
        """Read an element; of a list, unlike of a struct, truth values are bytes."""
        return self._value(BYTE if kind in (TRUE, FALSE) else kind, depth + 1)

    def _byte(self) -> int:
        position = self.position
        self.skip(1)
        return self.body[position]

    def _unsigned(self) -> int:
        """Read an integer of seven bits per byte."""
        value = 0
        for place in range(LONGEST_INTEGER):
            byte = self._byte()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise damaged()

    def _integer(self) -> int:
        """Read a zigzag integer."""
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)


def damaged() -> Exception:
    """Return the refusal of bytes that are no Parquet (400)."""
    return unreadable("it is not a sound Parquet table")
