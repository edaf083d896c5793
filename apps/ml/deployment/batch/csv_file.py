"""The encoding of a CSV file, its first record, and what is wrong where it cannot be read."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from apps.ml.errors import DataError
from apps.ml.evaluation.audit.csv_header import WatchedFile

LONGEST_RECORD = 2**20
"""Bytes; a record that is longer is taken for a quotation mark that was never closed.

It is also the block in which Arrow reads; as it reads up to 32 of them ahead, larger ones would fill the memory.
"""

WIDE_ENCODINGS = ("utf-16", "utf-32")


class Header(NamedTuple):
    """Names of the columns, whether any row follows them, and how many blank lines stand before them."""

    names: tuple[str, ...]
    rows_follow: bool
    blank_lines: int


def read_header(path: Path, separator: str, encoding: str) -> Header:
    """Return what the first record says.

    Raises
    ------
    DataError
        The file is empty or is not text in the encoding.
    """
    encoding = codec_name(path, encoding)
    with explained_bytes(path, encoding), closing(WatchedFile(path)) as file:
        plain = "utf-8-sig" if encoding == "utf-8" else encoding
        stream = io.TextIOWrapper(io.BufferedReader(file), encoding=plain, newline="")
        text, blank_lines = _first_record(stream, path)
        if not text.strip("\r\n"):
            raise DataError(f"{path} is empty. Provide a file whose first record names the columns.")
        names = tuple(next(csv.reader(io.StringIO(text, newline=""), delimiter=separator)))
        return Header(names, bool(stream.read(1)), blank_lines)


def codec_name(path: Path, encoding: str) -> str:
    """Return the usual name of an encoding; :class:`DataError` where there is none, or not one that can be divided."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        name = ""
    if not name or name.startswith(WIDE_ENCODINGS):
        raise DataError(f"{path} cannot be read in the encoding '{encoding}'. Save it as UTF-8, or name another.")
    return name


@contextmanager
def explained_bytes(path: Path, encoding: str) -> Iterator[None]:
    """Turn what reading bytes raises into an error that says what the file is not."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DataError(f"{path} is not a whole gzip file. Fetch it again.") from None
    except UnicodeError:
        raise not_in_encoding(path, encoding) from None


def not_in_encoding(path: Path, encoding: str, where: str = "") -> DataError:
    """Return the error that says that a file is not text in its encoding."""
    return DataError(
        f"{path}{where} is not text in the encoding '{encoding}'. Name the right one with --encoding, for instance "
        "latin-1, or save the file as UTF-8."
    )


def unclosed_quotation(path: Path) -> DataError:
    """Return the error that says that rows may have been swallowed by a quotation."""
    return DataError(
        f"{path} cannot be read as CSV without doubt: a quotation mark is opened and never closed, or stands alone "
        f"within a field, or a record is longer than {LONGEST_RECORD:,} bytes. Mend the quoting: a quotation mark "
        "within a field is doubled, and the field quoted."
    )


def _first_record(stream: io.TextIOWrapper, path: Path) -> tuple[str, int]:
    text, blank_lines = "", 0
    while line := stream.readline(LONGEST_RECORD):
        if not text and not line.strip():
            blank_lines += 1
            continue
        text += line
        if text.count('"') % 2 == 0:
            break
        if len(text) > LONGEST_RECORD:
            raise unclosed_quotation(path)
    return text, blank_lines
