"""A CSV file as text: every value as it was written, every irregular line an error that names the line."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from apps.ml.data.declaration import Reading
from apps.ml.data.sources.declared_reading import require_distinct
from apps.ml.errors import SourceError

LISTED = 5
"""How many irregular lines an error lists."""
UNCLOSED = "a quotation mark is opened and never closed. Mend the quoting in the file."


def read_csv(path: Path, reading: Reading) -> pd.DataFrame:
    """Return a CSV file as a data frame [n, columns] of `str`; nothing is missing yet, an empty field is "".

    Raises
    ------
    SourceError
        The file is empty, is not text in the declared encoding, has a header with repeated or empty names, or has lines
        with more or fewer fields than the header.
    """
    text = _without_comments(_decoded(path, reading), reading.comment_lines)
    names, rows = _names_and_rows(path, text, reading)
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=reading.separator,
            header=0 if reading.header else None,
            names=names,
            dtype=str,
            na_filter=False,
            index_col=False,
            skipinitialspace=reading.skip_initial_space,
        )
    except pd.errors.ParserError as error:
        raise SourceError(f"{path} cannot be read as CSV: {UNCLOSED}") from error
    if len(frame) != rows:
        raise SourceError(f"{path} cannot be read as CSV without doubt: {UNCLOSED}")
    return frame


def _decoded(path: Path, reading: Reading) -> str:
    content = path.read_bytes()
    if not content.strip():  # also a file of blank lines
        raise SourceError(f"{path} is empty; expected a table. Put the whole file there.")
    try:
        text = content.decode(reading.encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path} is not text in the encoding '{reading.encoding}' (line {line}, byte {error.start}). "
            "Name the right one under `reading.encoding`, for instance latin-1 or utf-16."
        ) from None
    except LookupError:
        raise SourceError(
            f"'{reading.encoding}' is not the name of an encoding. Write for instance utf-8 or latin-1 under "
            "`reading.encoding`."
        ) from None
    if "\0" in text:
        raise SourceError(
            f"{path} holds zero bytes, so it is not text in the encoding '{reading.encoding}'. "
            "Mend `reading.format` (a Parquet file?) or `reading.encoding` (utf-16?)."
        )
    return text.removeprefix("\ufeff")


def _without_comments(text: str, prefixes: Sequence[str]) -> str:
    """Blank the lines that are comments, so that the numbers of the other lines stay as they are in the file."""
    if not prefixes:
        return text
    return "\n".join("" if line.startswith(tuple(prefixes)) else line for line in text.split("\n"))


def _names_and_rows(path: Path, text: str, reading: Reading) -> tuple[list[str], int]:
    """Return the column names and the number of rows after checking that every row has one field per name."""
    records = _records(text, reading)
    try:
        names = _header(path, records) if reading.header else list(reading.names)
        require_distinct(names, str(path))
        lengths = [(line, len(fields)) for line, fields in records]
    except csv.Error as error:
        raise SourceError(
            f"{path} cannot be read as CSV ({error}). Mend the quoting in the file or `reading.separator`."
        ) from error
    irregular = [(line, length) for line, length in lengths if length != len(names)]
    if irregular:
        raise SourceError(_irregular_lines(path, reading, len(names), irregular))
    if not lengths:
        raise SourceError(f"{path} holds no rows. Put the whole file there.")
    return names, len(lengths)


def _records(text: str, reading: Reading) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line and the fields of every record that is not blank."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=reading.separator, skipinitialspace=reading.skip_initial_space)
    for fields in reader:
        if len(fields) > 1 or (fields and fields[0].strip()):
            yield reader.line_num, fields


def _header(path: Path, records: Iterator[tuple[int, list[str]]]) -> list[str]:
    _, names = next(records, (0, []))
    empty = [position for position, name in enumerate(names, start=1) if not name.strip()]
    if empty:
        raise SourceError(
            f"{path}: the header has no name for column {', '.join(map(str, empty))} of {len(names)}. "
            "Name every column in the header (or give `header: false` and `names` if the file has no header)."
        )
    return names


def _irregular_lines(path: Path, reading: Reading, expected: int, irregular: list[tuple[int, int]]) -> str:
    listed = ", ".join(f"line {line} has {fields}" for line, fields in irregular[:LISTED])
    more = f" and {len(irregular) - LISTED} more" if len(irregular) > LISTED else ""
    source = "the header" if reading.header else "`reading.names`"
    return (
        f"{path}: {len(irregular)} line{'s' if len(irregular) != 1 else ''} with the wrong number of fields; expected "
        f"{expected} as in {source}, but {listed}{more}. Mend these lines (is a separator not quoted?) or "
        f"`reading.separator`, which is {reading.separator!r}."
    )
