"""The header of a CSV file: names of the columns, the separator, and whether the file is text at all."""

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from apps.ml.errors import DataError
from apps.ml.evaluation.audit.chunks import plain_name

SEPARATORS = (",", ";", "\t", "|")
START_BYTES = 4096
NOT_DECODED = "\ufffd"
GZIP_START = b"\x1f\x8b"
LONGEST_HEADER = 2**20
"""Characters; a header that is longer is taken for a quotation mark that was never closed."""

UNCLOSED = "a quotation mark is opened and never closed. Mend the quoting in the file."


class CsvFile(Protocol):
    """What reading a CSV file asks for: where it is, how it is written, and the columns that are needed of it."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def separator(self) -> str | None:
        """One character; None where it is to be found."""

    @property
    def encoding(self) -> str:
        """Name of the encoding."""

    @property
    def text_columns(self) -> Sequence[str]:
        """Needed columns that are read as text."""

    @property
    def number_columns(self) -> Sequence[str]:
        """Needed columns that are read as numbers."""

    @property
    def missing_texts(self) -> Sequence[str]:
        """Texts that stand for a missing value, besides an empty field."""


class Header(NamedTuple):
    """Names of the columns, the separator, and how many blank lines stand before the names."""

    names: tuple[str, ...]
    separator: str
    blank_lines: int


class WatchedFile(io.RawIOBase):
    """A binary file, decompressed where it is gzip, that counts quotation marks and knows how far it was read."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._raw = path.open("rb")
        compressed = self._raw.peek(len(GZIP_START)).startswith(GZIP_START) or path.suffix.lower() == ".gz"
        self._content: Any = gzip.GzipFile(fileobj=self._raw) if compressed else self._raw
        self._size = max(path.stat().st_size, 1)
        self.quotes = 0

    def readable(self) -> bool:
        """Whether bytes can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return the number of bytes."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        content: bytes = self._content.read(size)
        self.quotes += content.count(b'"')
        return content

    @property
    def done(self) -> float:
        """Share of the file that was read, 0 to 1."""
        return 1.0 if self._raw.closed else min(self._raw.tell() / self._size, 1.0)

    def close(self) -> None:
        """Close the file."""
        self._content.close()
        self._raw.close()
        super().close()


def read_header(file: CsvFile) -> Header:
    """Return the column names and the separator: the one that was named, else the one that yields most of the needed
    columns, then most columns.

    Raises
    ------
    DataError
        The file is empty or ends with its header, or is not text in the encoding.
    """
    text, blank_lines = _first_record(file)
    if NOT_DECODED in text:
        raise wrong_encoding(file, "")
    needed = {*file.text_columns, *file.number_columns}
    separators = (file.separator,) if file.separator else SEPARATORS
    headers = {separator: _names(text, separator) for separator in separators}
    if not any(headers.values()):
        raise DataError(
            f"{file.path}: the line of column names cannot be read: a name in it has more than "
            f"{csv.field_size_limit():,} characters. Is it a table with a header? Shorten the names."
        )
    best = max(separators, key=lambda separator: (len(needed & set(headers[separator])), len(headers[separator])))
    return Header(headers[best], best, blank_lines)


def codec_name(encoding: str) -> str:
    """Return the usual name of an encoding (`utf-16` for `UTF16`).

    Raises
    ------
    LookupError
        There is none of that name.
    """
    return codecs.lookup(encoding).name


def damaged_gzip(path: Path) -> DataError:
    """Return the error that says that a compressed file is damaged."""
    return DataError(f"{path} is not a whole gzip file. Fetch it again.")


def wrong_encoding(file: CsvFile, where: str) -> DataError:
    """Return the error that says that the file is not text in its encoding; `where` is empty or names the line."""
    return DataError(
        f"{file.path}{where} is not text in the encoding '{file.encoding}'. Name the right one with --encoding, "
        "for instance latin-1 or utf-16, or save the file as UTF-8."
    )


def _names(text: str, separator: str) -> tuple[str, ...]:
    """Return the fields of a header; none where one is longer than any name."""
    try:
        return tuple(plain_name(name) for name in next(csv.reader(io.StringIO(text, newline=""), delimiter=separator)))
    except csv.Error:
        return ()


def _first_record(file: CsvFile) -> tuple[str, int]:
    """Return the first record that is not blank, and how many blank lines stand before it; it may hold line breaks
    within quotation marks."""
    try:
        encoding = codec_name(file.encoding)
        _require_text(file.path, encoding)
        encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        with contextlib.closing(WatchedFile(file.path)) as watched:
            stream = io.TextIOWrapper(io.BufferedReader(watched), encoding=encoding, errors="replace", newline="")
            text, blank_lines = "", 0
            while line := stream.readline(LONGEST_HEADER):
                if not text and not line.strip():
                    blank_lines += 1
                    continue
                text += line
                if len(text) >= LONGEST_HEADER:
                    raise _long_header(file, text)
                if text.count('"') % 2 == 0:
                    break
            if text.count('"') % 2:
                raise DataError(f"{file.path} cannot be read as CSV: {UNCLOSED}")
            if not stream.read(1):
                raise DataError(f"{file.path} has column names and no rows. Provide the whole table.")
            return text.strip("\r\n"), blank_lines
    except UnicodeError:
        raise wrong_encoding(file, "") from None
    except LookupError:
        raise DataError(
            f"{file.path}: '{file.encoding}' is not the name of an encoding. Give for instance utf-8 or latin-1."
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise damaged_gzip(file.path) from None


def _long_header(file: CsvFile, text: str) -> DataError:
    if text.count('"') % 2:
        return DataError(f"{file.path} cannot be read as CSV: {UNCLOSED}")
    return DataError(
        f"{file.path}: the line of column names is longer than {LONGEST_HEADER:,} characters. Is it a table with one "
        "row per line? Keep only the columns that are needed."
    )


def _require_text(path: Path, encoding: str) -> None:
    with contextlib.closing(WatchedFile(path)) as file:
        start = file.read(START_BYTES)
    if not start.strip():
        raise DataError(f"{path} is empty; expected a table. Provide the whole file.")
    if b"\0" in start and not encoding.startswith(("utf-16", "utf-32")):
        raise DataError(
            f"{path} holds zero bytes, so it is not text in the encoding '{encoding}'. Give the right one with "
            "--encoding (utf-16?), or save the file as UTF-8."
        )
