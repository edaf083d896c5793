"""A text table as a file whose bytes depend on its content alone: the form in which query results are pinned.

The file is UTF-8, one JSON array per line: first the column names, then one array of texts per row, null where a value
is missing. Lines end with a line feed; no spaces, no escapes beyond JSON's own.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd


def write_snapshot(path: Path, frame: pd.DataFrame) -> None:
    """Write a data frame [n, columns] of `str` (missing → NaN)."""
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in [[str(name) for name in frame.columns], *rows]:
            stream.write(_line(row))


def read_snapshot(path: Path) -> pd.DataFrame:
    """Read what :func:`write_snapshot` wrote."""
    with path.open(encoding="utf-8", newline="\n") as stream:
        names, *rows = (json.loads(line) for line in stream)
    return pd.DataFrame(rows, columns=names, dtype="str")


def _line(row: list[Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
