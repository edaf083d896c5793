"""Files that appear whole or not at all, and bytes that are the same for the same content."""

import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

SIGNIFICANT_DIGITS = 10
"""Floats in reports are rounded to this many digits, below which processors and library builds may differ."""

_PLAIN = r"(?:-?\d[\d.eE+-]*|null|true|false)"
NUMBERS_ON_LINES = re.compile(rf"\[\n +{_PLAIN}(?:,\n +{_PLAIN})*\n +\]")
"""A list of plain values as `json` indents it; a text on a line of its own is quoted and does not match."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is renamed over `path`, on error it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with a final newline, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write canonical JSON: sorted keys are *not* imposed (order carries meaning), floats rounded, never NaN.

    A list of numbers stands on one line.
    """
    text = json.dumps(rounded(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, NUMBERS_ON_LINES.sub(_on_one_line, text))


def read_json(path: Path) -> Any:
    """Read one JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a Parquet file, whole or not at all; byte-stable for the same frame."""
    with whole_file(path) as temporary:
        frame.to_parquet(temporary, index=False)


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file that then takes the place of `path`."""
    with whole_file(path) as temporary:
        write(temporary)


def rounded(content: Any, digits: int = SIGNIFICANT_DIGITS) -> Any:
    """Round every float inside nested lists and dicts to `digits` significant digits; refuse NaN and infinity."""
    if isinstance(content, dict):
        return {str(key): rounded(value, digits) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value, digits) for value in content]
    if hasattr(content, "item") and not isinstance(content, str | bytes):
        content = content.item()
    if isinstance(content, float):
        if not math.isfinite(content):
            raise ValueError("a report holds a NaN or an infinity; write an undefined measurement with its reason")
        return float(f"{content:.{digits}g}") + 0.0
    return content


def _on_one_line(found: re.Match[str]) -> str:
    return "[" + ", ".join(found.group()[1:-1].replace("\n", "").replace(" ", "").split(",")) + "]"


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_json(content: Any) -> str:
    """Return the sha256 over canonical JSON (sorted keys, no spaces, floats rounded)."""
    text = json.dumps(rounded(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
