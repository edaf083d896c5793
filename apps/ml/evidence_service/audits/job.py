"""What the service hands to a worker, and how a worker's answers are told apart."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

Work = Literal["audit", "table"]

ANSWERED: Final = 0
REFUSED: Final = 2
FAILED: Final = 3
"""Exit codes of a worker: its output is the answer; a refusal; where an error arose that is its own fault."""


@dataclass(frozen=True)
class Job:
    """One file to be read. `folder`: holds the file `name` and nothing else. `query`: the request's parameters.

    `memory_bytes`: address space of the worker. `seconds`: processor time after which the system ends it, should the
    service not. `answer_bytes`: of the answer.
    """

    work: Work
    folder: Path
    name: str
    query: dict[str, Any]
    memory_bytes: int
    seconds: int
    answer_bytes: int

    def line(self) -> bytes:
        """Return the job as one line of JSON."""
        return json.dumps({**asdict(self), "folder": str(self.folder)}).encode() + b"\n"

    @staticmethod
    def read(line: bytes) -> "Job":
        """Undo :meth:`line`."""
        content = json.loads(line)
        return Job(**{**content, "folder": Path(content["folder"])})
