"""Pieces of an input, and what an input must be able to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Table = Any
"""A pyarrow Table; pyarrow ships no types."""

Schema = Any
"""A pyarrow Schema."""


@dataclass(frozen=True)
class Irregular:
    """A record of a CSV file with another number of fields than the header has; `row` counts from 0 in the input."""

    row: int
    fields: int


@dataclass(frozen=True)
class Piece:
    """Rows `first_row` to `first_row + rows - 1` of the input.

    `table`: the rows that could be read, in their order; `irregular`: the others, in theirs.
    """

    number: int
    first_row: int
    rows: int
    table: Table
    irregular: tuple[Irregular, ...] = ()

    @property
    def row_numbers(self) -> npt.NDArray[np.int64]:
        """int64 [rows of the table], the number of each row in the input."""
        every = np.arange(self.first_row, self.first_row + self.rows, dtype=np.int64)
        if not self.irregular:
            return every
        return np.delete(every, [record.row - self.first_row for record in self.irregular])


IsDone = Callable[[int], bool]


class RowSource(Protocol):
    """An opened input whose columns were checked."""

    @property
    def schema(self) -> Schema:
        """The columns that are read, in the order of the input: the model's and the kept ones."""

    @property
    def as_text(self) -> bool:
        """Whether every value is written as text, as in a CSV file."""

    @property
    def done(self) -> float:
        """Share of the input that was read, 0 to 1."""

    def pieces(self, chunk_rows: int, is_done: IsDone) -> Iterator[Piece]:
        """Yield the pieces of `chunk_rows` rows in their order, without those that are done.

        Raises
        ------
        DataError
            The input is damaged; the message says where.
        """


def packed(table: Table) -> bytes:
    """Return a table as bytes that another process reads."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def unpacked(content: bytes) -> Table:
    """Inverse of :func:`packed`."""
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()
