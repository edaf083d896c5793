"""What is sent: one body per case, the same bytes to every contender."""

import json
from dataclasses import dataclass

from tests.benchmark.serving.material import Material


@dataclass(frozen=True)
class Case:
    """One body and the connections over which it is sent. `explained`: the answer is to come with its explanation."""

    name: str
    rows: int
    connections: int
    explained: bool = False

    def body(self, material: Material) -> bytes:
        """Return the request's body."""
        return json.dumps({"instances": material.rows[: self.rows]}, separators=(",", ":")).encode()


ONE_ALONE = Case("one row", 1, 1)
ONE = Case("one row", 1, 16)
HUNDRED_ALONE = Case("100 rows", 100, 1)
HUNDRED = Case("100 rows", 100, 16)
EXPLAINED_ALONE = Case("one row, explained", 1, 1, explained=True)
EXPLAINED = Case("one row, explained", 1, 16, explained=True)
CASES = (ONE_ALONE, ONE, HUNDRED_ALONE, HUNDRED, EXPLAINED_ALONE, EXPLAINED)
