"""Misfits of a job as facts: which column, what is wrong, in how many rows and which of them first; never a value."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.batch.typed_rows import expected_of
from apps.ml.errors import Finding
from apps.ml.features.request_frame import MESSAGES

SHOWN_ROWS = 3
FIELDS = "wrong_number_of_fields"
FIELDS_MESSAGE = "the record has another number of fields than the header"


@dataclass(frozen=True)
class MisfitCount:
    """`rows`: how many; `first`: the numbers of the first of them; `column` is None where the record is irregular."""

    column: str | None
    code: str
    rows: int
    first: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content."""
        return asdict(self)

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "MisfitCount":
        """Inverse of :meth:`to_dict`."""
        return MisfitCount(content["column"], content["code"], content["rows"], tuple(content["first"]))

    def finding(self, columns: Sequence[ColumnSchema]) -> Finding:
        """Return it as a finding for people and machines."""
        more = f" and {self.rows - len(self.first):,} more" if self.rows > len(self.first) else ""
        where = f"in row {', '.join(str(row) for row in self.first)}{more}"
        column = next((column for column in columns if column.name == self.column), None)
        expected = None if column is None else expected_of(column)
        return Finding(self.code, f"{message(self.code)} {where}", self.column, self.rows, expected)


def message(code: str) -> str:
    """Say what a code means."""
    return FIELDS_MESSAGE if code == FIELDS else MESSAGES[code]


def added_up(counts: Iterable[MisfitCount]) -> tuple[MisfitCount, ...]:
    """Return the counts of several pieces, which come in the order of their rows, as one per column and code."""
    found: dict[tuple[str | None, str], MisfitCount] = {}
    for count in counts:
        before = found.get((count.column, count.code), MisfitCount(count.column, count.code, 0, ()))
        first = (*before.first, *count.first)[:SHOWN_ROWS]
        found[count.column, count.code] = MisfitCount(count.column, count.code, before.rows + count.rows, first)
    return tuple(found.values())
